"""The search within a training: what it may spend, and that what it says is what is done."""

from __future__ import annotations

import time

import pytest

from babysit.data import load
from babysit.record import Recipe
from babysit.record.study import Trial
from babysit.tuner import before_training as module
from babysit.tuner.before_training import before_training
from babysit.tuner.result import Searched

SMALL = Recipe(data="iris", epochs=4, width=8, depth=1, batch=32, optimizer="nesterov", lr=0.1, model="mlp")


def searched(seconds, **more):
    return before_training(
        SMALL, load(SMALL), fields=["lr"], ranges={}, seconds=seconds, on_trial=lambda trials: None, **more
    )


def test_what_can_not_be_compared_is_not_searched():
    began = time.monotonic()
    study = searched(0.001)
    assert time.monotonic() - began < 5
    assert study.trials == []
    assert "no search: comparing recipes over 4 folds takes" in study.notes[0]
    with pytest.raises(ValueError, match="must have a trial"):
        _ = study.choice


def test_the_recipe_that_is_said_to_be_kept_is_the_one_that_is_taken():
    """Trials that came through, but no time to compare them: whatever they scored, none is taken."""
    split = load(SMALL)
    trials = [Trial(number, {"lr": 0.3}, state="complete", score=0.99, epochs=4, seconds=1.0) for number in range(3)]
    study = module._paired(Searched({}, trials, recipe=SMALL), SMALL, split, time.monotonic() - 1)
    assert "it is kept" in study.notes[-1]
    assert study.choice.params == {}
    assert study.best_recipe == SMALL
    study = module._with_base(Searched({}, trials[:3], recipe=SMALL.edit(epochs=4)), SMALL, split, time.monotonic() - 1)
    assert "it is kept" in study.notes[-1]
    assert study.best_recipe == SMALL


def test_what_is_taken_is_not_behind_the_recipe_as_it_was():
    study = searched(20.0)
    base = next(trial for trial in study.trials if not trial.params)
    assert base.epochs == SMALL.epochs
    assert study.choice.score >= base.score
    if study.choice is base:
        assert "it is kept" in study.notes[-1]
    else:
        assert study.choice is study.best
    assert Searched.from_dict({**study.to_dict()}).choice.params == study.choice.params
