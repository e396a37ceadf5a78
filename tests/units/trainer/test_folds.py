"""Folds: every example judged once, by a network that had not seen it; epochs that no fewer beat by more than chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from babysit import Recipe
from babysit.data import load
from babysit.trainer import fit
from babysit.trainer.folds import Folds, cuts, fix_epochs, is_small, joined, longest

from .test_loop import blobs, line


@given(count=st.integers(2, 6), sizes=st.lists(st.integers(6, 40), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_folds_part_the_examples_and_spread_every_class(count, sizes, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    found = cuts(y, "classification", count, seed)
    assert sorted(np.concatenate([val for _, val in found]).tolist()) == list(range(len(y)))
    for train, val in found:
        assert sorted([*train.tolist(), *val.tolist()]) == list(range(len(y)))
        for label, size in enumerate(sizes):
            assert abs(int((y[val] == label).sum()) - size / count) < 1


def test_joined_holds_train_then_validation_and_leaves_the_test_alone():
    split = load(Recipe(data="iris"))
    whole = joined(split)
    assert len(whole.train) == len(split.train) + len(split.val)
    assert torch.equal(whole.train.x, torch.cat([split.train.x, split.val.x]))
    assert whole.train.index.tolist() == [*split.train.index, *split.val.index]
    assert len(whole.val) == 0
    assert whole.test is split.test


def test_what_is_small():
    assert is_small(load(Recipe(data="iris")))
    assert not is_small(load(Recipe(data="iris", val=0)))
    assert not is_small(load(Recipe(data="digits")))


def test_the_longest_that_no_fewer_beat():
    draw = np.random.default_rng(0)
    noise = draw.normal(size=(5, 80)) * 0.01
    rise = 1 - np.exp(-np.arange(80) / 10)
    assert longest(rise + noise) == 80
    fall = rise - np.clip(np.arange(80) - 40, 0, None) * 0.01
    assert 36 <= longest(fall + noise) <= 50
    assert longest(np.zeros((5, 3))) == 3
    assert longest(np.zeros((5, 1))) == 1


def test_the_curves_are_those_of_trainings_on_the_folds():
    split, recipe = blobs(), Recipe(data="blobs", model="mlp", width=8, batch=16, epochs=4, lr=0.01)
    told: list[float] = []
    found = fix_epochs(recipe, split, torch.device("cpu"), told.append, count=3)
    assert (found.count, found.examples, len(found.losses)) == (3, len(split.train) + len(split.val), 4)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    from dataclasses import replace

    from babysit.data import Part

    whole = joined(split).train
    slow = []
    for train, val in cuts(whole.y.numpy(), "classification", 3, recipe.seed):
        parts = [Part(whole.x[torch.from_numpy(rows)], whole.y[torch.from_numpy(rows)]) for rows in (train, val)]
        run = fit(recipe, replace(split, train=parts[0], val=parts[1]))
        slow.append([len(val) * epoch.val_score for epoch in run.history])
    np.testing.assert_allclose(found.scores, np.sum(slow, 0) / len(whole), rtol=1e-6)
    judged = found.judged("classification")
    assert judged["accuracy"] * judged["n"] == pytest.approx(round(judged["accuracy"] * judged["n"]))
    assert fix_epochs(recipe, split, torch.device("cpu"), count=3) == found


def test_a_regressions_interval_is_students():
    found = Folds(5, 100, 2, [1.0, 0.5], [0.1, 0.6], spread=0.1)
    low, high = found.judged("regression")["interval"]
    assert (low + high) / 2 == pytest.approx(0.6)
    assert high - low == pytest.approx(2 * 2.776 * 0.1 / 5**0.5)
    recipe = Recipe(data="line", model="mlp", width=8, batch=16, epochs=3, lr=0.01)
    assert fix_epochs(recipe, line(), torch.device("cpu")).judged("regression")["n"] == 60


def test_without_validation_the_newest_weights_are_kept():
    recipe = Recipe(data="blobs", model="mlp", width=8, batch=16, epochs=4, lr=0.01)
    training = fit(recipe, joined(blobs()))
    now = [one.detach().clone() for one in training.body.parameters()]
    assert training.best is training.history[-1]
    training.restore_best()
    assert all(torch.equal(a, b) for a, b in zip(now, training.body.parameters(), strict=True))
