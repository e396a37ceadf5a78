"""Schedules: pure functions of progress, held against PyTorch's own and against their closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from babysit.record.recipe import SCHEDULES
from babysit.trainer.schedule import SHAPES, Plateau, factor


def test_every_schedule_of_a_recipe_has_a_shape():
    assert set(SHAPES) == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
@given(p=st.floats(0, 1), warmup=st.floats(0, 0.5))
def test_factors_lie_between_0_and_1(name, p, warmup):
    assert 0 <= factor(name, p, warmup) <= 1 + 1e-12


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "one-cycle"])
@given(a=st.floats(0, 1), b=st.floats(0, 1))
def test_they_never_rise_but_for_the_one_cycle(name, a, b):
    assert factor(name, max(a, b)) <= factor(name, min(a, b)) + 1e-12


def test_closed_forms():
    assert [factor("step", p) for p in (0, 0.49, 0.5, 0.74, 0.75, 0.99)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    assert factor("exponential", 0.5) == pytest.approx(math.exp(-0.5 * math.log(100)))
    assert factor("1/t", 0.25) == pytest.approx(1 / (1 + 99 * 0.25))
    assert factor("1/t", 1.0) == pytest.approx(0.01)


def test_cosine_is_pytorchs():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    for step in range(50):
        assert factor("cosine", step / 50) == pytest.approx(theirs.get_last_lr()[0], abs=1e-6)
        optimizer.step()
        theirs.step()


def test_one_cycle_is_pytorchs():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=1001, pct_start=0.3)
    for step in range(1000):
        assert factor("one-cycle", step / 1000) == pytest.approx(theirs.get_last_lr()[0], abs=0.004)
        optimizer.step()
        theirs.step()


def test_warm_up_rises_straight_and_then_the_schedule_begins():
    assert [factor("cosine", p, 0.2) for p in (0, 0.05, 0.1, 0.2)] == pytest.approx([0, 0.25, 0.5, 1.0])
    assert factor("cosine", 0.6, 0.2) == pytest.approx(factor("cosine", 0.5))


def test_plateau_falls_only_when_nothing_gets_better():
    plateau = Plateau(wait=2)
    assert [plateau.look(score) for score in (0.5, 0.6, 0.7)] == [1, 1, 1]
    assert [plateau.look(0.7) for _ in range(3)] == pytest.approx([1, 1, 1 / 3])
    assert plateau.look(0.9) == pytest.approx(1 / 3)
