"""The quiet path: whatever a loop does between two looks, every step and every loss is counted as if each had been looked at."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit
from babysit.record.store import read

STEPS = 240


def plain(model, optimizer, x, y, step):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def accumulated(model, optimizer, x, y, step):
    optimizer.zero_grad()
    parts = [F.cross_entropy(model(x[at::2]), y[at::2]) / 2 for at in (0, 1)]
    for one in parts:
        one.backward()
    optimizer.step()
    return float(sum(one.detach() for one in parts)) / 2


def now_and_then_twice(model, optimizer, x, y, step):
    if step % 7 == 3:
        return accumulated(model, optimizer, x, y, step)
    return plain(model, optimizer, x, y, step)


def validated(model, optimizer, x, y, step):
    loss = plain(model, optimizer, x, y, step)
    if step % 40 == 39:
        model.eval()
        with torch.no_grad():
            F.cross_entropy(model(x), y)
        model.train()
    return loss


def scaled(model, optimizer, x, y, step):
    scaler = torch.amp.GradScaler("cpu")
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    return float(loss.detach())


def with_another(model, optimizer, x, y, step):
    loss = plain(model, optimizer, x, y, step)
    if step % 5 == 2:  # an optimizer that holds something else
        aside = torch.zeros(1, requires_grad=True)
        other = torch.optim.SGD([aside], lr=0.1)
        other.step()
    return loss


@pytest.mark.parametrize("loop", [plain, accumulated, now_and_then_twice, validated, scaled, with_another])
def test_every_step_and_loss_is_counted(loop):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    batches = [(torch.randn(16, 6), torch.randint(0, 3, (16,))) for _ in range(STEPS)]
    with babysit.watch(overhead=1e-5) as w:
        losses = [loop(model, optimizer, x, y, step) for step, (x, y) in enumerate(batches)]
        held = w.observer.order.known(optimizer)
    seen = w.run.series("loss.train")
    assert w.run.step == STEPS
    assert held.steps == STEPS
    assert list(seen.steps) == list(range(1, STEPS + 1))
    assert np.allclose(seen.values, losses, rtol=1e-5)
    assert len(w.run.series("gradient.total")) < STEPS / 2  # most steps were quiet ones


def test_what_is_asked_within_a_quiet_stretch_is_up_to_date():
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    with babysit.watch(overhead=1e-5) as w:
        for step in range(STEPS):
            plain(model, optimizer, x, y, step)
        engaged = bool(w.observer.quiet.losses)
        w.observer.settle()
        assert w.observer.step == STEPS
    assert engaged


def test_a_run_that_ends_by_an_error_keeps_its_quiet_losses():
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    w = babysit.watch(overhead=1e-5)
    with pytest.raises(KeyError), w:
        for step in range(STEPS):
            plain(model, optimizer, x, y, step)
            if step == STEPS - 2:
                F.cross_entropy(model(x), y).backward()
                raise KeyError("gone")
    assert w.run.step == STEPS - 1
    assert len(w.run.series("loss.train")) == STEPS - 1


def test_quiet_losses_reach_the_file_as_those_of_observed_steps_do(tmp_path):
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    with babysit.watch(overhead=1e-5, out=tmp_path / "run") as w:
        losses = [plain(model, optimizer, x, y, step) for step in range(STEPS)]
    stored = read(tmp_path / "run").series("loss.train")
    assert list(stored.steps) == list(range(1, STEPS + 1))
    assert np.allclose(stored.values, losses, rtol=1e-5)
    assert np.array_equal(stored.values, w.run.series("loss.train").values)
