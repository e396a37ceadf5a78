"""How often, and how much, is observed, on a clock of our own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit
from babysit.watcher import budget
from babysit.watcher.budget import BESIDE, DENSE, LATER, RAREST, WHOLE, Budget


class Training:
    """A training by a clock that only its steps and their watching move."""

    def __init__(self, monkeypatch, overhead, *, step=0.01, look=0.005, light=0.0):
        self.now, self.step, self.look, self.light_look = 0.0, step, look, light
        monkeypatch.setattr(budget, "perf_counter", lambda: self.now)
        self.budget = Budget(overhead)
        self.deep, self.at, self.whole, self.observed = True, 0, [], []

    def run(self, steps):
        for _ in range(steps):
            self.at += 1
            self.now += self.step
            if self.deep:
                self.spend(self.light_look if self.budget.light else self.look)
                self.observed.append(self.at)
                if not self.budget.light:
                    self.whole.append(self.at)
                self.budget.end_of_step(self.at)
            elif self.at < self.budget.wake:
                continue
            else:
                self.budget.end_of_stretch(self.at)
            self.deep = self.budget.observe(self.at, self.deep)
        return self

    def spend(self, seconds):
        self.now += seconds
        self.budget.spent += seconds


def test_where_every_step_is_observed_the_costly_looks_are_as_many_as_are_paid_for(monkeypatch):
    one = Training(monkeypatch, None).run(1000)
    assert one.observed == list(range(1, 1001))
    assert len(one.whole) == pytest.approx(1000 * WHOLE * one.step / (one.look * (1 + BESIDE)), rel=0.1)
    assert one.budget.share <= 1.15 * WHOLE


def test_however_dear_a_whole_look_is_one_comes(monkeypatch):
    one = Training(monkeypatch, None, look=1.0).run(400)
    assert max(b - a for a, b in zip(one.whole, one.whole[1:], strict=False)) == RAREST


def test_short_steps_and_the_start_are_looked_at_whole(monkeypatch):
    assert Training(monkeypatch, None, step=0.001).run(100).whole == list(range(1, 101))
    assert Training(monkeypatch, None, look=1.0).run(DENSE).whole == list(range(1, DENSE + 1))


def test_what_stirs_is_looked_at_whole(monkeypatch):
    one = Training(monkeypatch, None).run(100)
    one.budget.stir(3)
    one.run(5)
    assert sum(at > 101 for at in one.whole) >= 3


def test_a_long_run_keeps_its_share(monkeypatch):
    one = Training(monkeypatch, 0.01).run(200_000)
    assert one.budget.share <= 0.0105
    assert all(b <= LATER * a + 1 for a, b in zip(one.observed, one.observed[1:], strict=False))


def test_a_model_that_calls_itself_is_heard_at_light_steps_too(monkeypatch):
    """The outermost call ends where it began: everything inside is left out, whatever is called."""

    class Nested(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)
            self.last = nn.Linear(4, 4)

        def forward(self, x, depth=3):
            x = torch.tanh(self.inner(x))
            return self.last(self(x, depth - 1) if depth else x)

    monkeypatch.setattr(Budget, "_too_dear", lambda self, step: step >= 3)
    model = Nested()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with babysit.watch(overhead="all") as w:
        for _ in range(10):
            optimizer.zero_grad()
            F.mse_loss(model(torch.randn(8, 4)), torch.zeros(8, 4)).backward()
            optimizer.step()
    assert w.run.series("calls.forward").steps.tolist() == list(range(1, 11))
    assert set(w.run.series("calls.forward").values) == {1.0}
    assert not [event for event in w.run.events if event.kind == "warning"]
