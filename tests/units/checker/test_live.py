"""A live watch is cured from its own kept batches, and keeping them changes nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit
from babysit.checker.live import STEPS, replay
from babysit.errors import TrainingError


def parts(lr=0.1):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
    return model, torch.optim.SGD(model.parameters(), lr=lr)


def train(model, optimizer, steps, batch=24):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        x = torch.randn(batch, 6, generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(model(x), (x[:, 0] > x[:, 1]).long()).backward()
        optimizer.step()


def test_keeping_changes_nothing():
    ends = []
    for kept in (False, True):
        model, optimizer = parts()
        with babysit.watch(model, optimizer, keep=kept) as w:
            train(model, optimizer, 150)
        ends.append([p.detach().clone() for p in model.parameters()] + [torch.get_rng_state()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
    assert len(w.kept.recorded) == STEPS
    assert F.cross_entropy.__module__ == "torch.nn.functional"
    assert "__torch_function__" not in str(torch.overrides._get_current_function_mode_stack())


def test_a_replay_is_the_training():
    model, optimizer = parts()
    before = [p.detach().clone() for p in model.parameters()]
    with babysit.watch(model, optimizer) as w:
        train(model, optimizer, 12)
    body = w.kept.body
    assert all(torch.equal(a, b) for a, b in zip(before, body.modules[0].parameters(), strict=True))
    step = w.kept.recorded[0]
    torch.manual_seed(3)
    assert abs(float(step.play(body.copy().mode(False)).loss.detach()) - step.value) < 0.2


def test_a_watch_of_everything_keeps_nothing():
    with babysit.watch() as w:
        train(*parts(), 3)
    assert not w.kept.recorded
    with pytest.raises(TrainingError, match="no step was taken down"):
        w.cure()


def test_too_few_steps_are_told():
    model, optimizer = parts()
    with babysit.watch(model, optimizer) as w:
        train(model, optimizer, 3)
    with pytest.raises(TrainingError, match="at least 8 steps"):
        replay(w.kept, 3)


def test_a_rate_too_low_is_cured():
    model, optimizer = parts(lr=1e-6)
    with babysit.watch(model, optimizer) as w:
        train(model, optimizer, 120)
    found = w.cure(time=60.0)
    assert found.status == "cured"
    assert found.best.candidate.finding == "learning-rate-too-low"
    assert found.kind == "validation accuracy"


def test_a_function_that_trains_is_cured():
    found = babysit.cure(lambda: train(*parts(lr=1e-6), 120), time=60.0)
    assert found.status == "cured"
    assert babysit.cure(lambda: train(*parts(lr=0.5), 300), time=60.0).status == "healthy"
