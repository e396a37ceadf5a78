"""Examples that aren't one tensor: images that are changed for every batch, rows that are read as they are needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from babysit.data import Part, load
from babysit.data.part import Mapped
from babysit.errors import TrainingError
from babysit.record import Recipe
from babysit.tuner import log, search
from babysit.tuner.before_training import before_training
from babysit.tuner.fleet import Fleet
from babysit.tuner.job import Job, Serial
from babysit.tuner.work import Work

BASE = Recipe(model="mlp", width=6, depth=1, batch=8, epochs=4, optimizer="nesterov", lr=0.05, augment="flip+crop")


@pytest.fixture(scope="module")
def split():
    """60 images that are brighter on the left or on the right, which mirroring takes for one another."""
    random = np.random.default_rng(0)
    x = random.integers(0, 100, (60, 1, 8, 8), dtype=np.uint8)
    y = np.arange(60) % 2
    x[y == 0, :, :, :4] += 100
    x[y == 1, :, :, 4:] += 100
    return load(BASE, data=(x, y))


def lazy(split):
    """The same split, read row by row."""
    parts = {name: getattr(split, name) for name in ("train", "val")}
    return replace(split, **{name: Part(Mapped(part.x.numpy()), part.y, part.index) for name, part in parts.items()})


def test_augmented_images_are_trained_on_one_by_one_and_the_notes_say_so(split):
    jobs = [Job(number, {"lr": lr}, 2, 4) for number, lr in enumerate((0.01, 0.1))]
    fleet = Fleet(threads=1)
    together = {one.job.trial: one for one in fleet.map(Work(BASE, split), jobs)}
    alone = {one.job.trial: one for one in Serial().map(Work(BASE, split), jobs)}
    assert {number: one.costs for number, one in together.items()} == {
        number: one.costs for number, one in alone.items()
    }
    assert any("augment=flip+crop" in note and "one by one" in note for note in fleet.notes)
    assert not any("fleet" in note for note in fleet.notes)


def test_training_batches_are_really_changed_and_validation_is_not(split):
    recipe = BASE.edit(lr=1e-12, batch=64, dropout=0)  # one batch, nothing learnt: all that differs is what it sees
    plain = next(Serial().map(Work(recipe.edit(augment="none"), split), [Job(0, {}, 2, 4)]))
    changed = next(Serial().map(Work(recipe, split), [Job(0, {}, 2, 4)]))
    assert plain.losses == pytest.approx(changed.losses, rel=1e-6)
    assert plain.costs[0] == pytest.approx(plain.costs[1], rel=1e-5)
    assert abs(changed.costs[0] - plain.costs[0]) > 1e-3 * plain.costs[0]
    assert abs(changed.costs[1] - changed.costs[0]) > 1e-3 * plain.costs[0]  # and every epoch anew


def test_taken_up_again_it_sees_the_same_changes(split):
    work = Work(BASE, split)
    whole = work(Job(0, {}, 4, 4))
    half = work(Job(0, {}, 2, 4))
    rest = work(Job(0, {}, 4, 4, state=half.state))
    assert rest.costs == whole.costs
    assert all(torch.equal(one, whole.state.tensors[name]) for name, one in rest.state.tensors.items())


def test_rows_that_are_read_give_what_the_tensor_gives(split):
    recipe = BASE.edit(augment="none")
    held = Work(recipe, split)(Job(0, {}, 2, 4))
    read = next(Fleet(threads=1).map(Work(recipe, lazy(split)), [Job(0, {}, 2, 4)]))
    assert read.costs == pytest.approx(held.costs, rel=1e-6)
    assert read.losses == pytest.approx(held.losses, rel=1e-6)


@pytest.mark.parametrize("engine", ["batched", "vmap"])
def test_many_at_once_is_refused_where_it_cannot_be(split, engine):
    with pytest.raises(TrainingError, match=f"engine={engine} needs .*augment=flip.crop.*use auto"):
        list(Fleet(engine).map(Work(BASE, split), [Job(0, {}, 1, 4)]))


@pytest.mark.parametrize("augment", ["none", "flip+crop"])
def test_a_search_over_them_scores_trials(split, augment):
    recipe = BASE.edit(augment=augment)
    study = search(lazy(split), recipe=recipe, space={"lr": log(1e-3, 0.1)}, trials=3, epochs=2, believe=0, workers=1)
    assert all(trial.score == trial.score for trial in study.trials)


def test_the_search_before_a_training_takes_them(split):
    study = before_training(BASE, split, fields=["lr"], ranges={}, seconds=3.0, on_trial=lambda trials: None)
    assert any(trial.score == trial.score for trial in study.trials)
