"""The fleet against its slow twin, and every lane against itself among others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from babysit.data import load
from babysit.errors import RecipeError, TrainingError
from babysit.record import Recipe
from babysit.trainer import fit
from babysit.tuner import fleet as fleets
from babysit.tuner.fleet import Fleet
from babysit.tuner.job import Job, Serial
from babysit.tuner.work import Work

BASE = Recipe(data="iris", epochs=4, width=12, depth=1, batch=16, optimizer="nesterov", lr=0.05)


@pytest.fixture(scope="module")
def split():
    return load(BASE)


@pytest.fixture(scope="module")
def work(split):
    return Work(BASE, split)


def jobs_of(edits, until=2, epochs=4, folds=(0,), **more):
    return [Job(number, edit, until, epochs, fold, **more) for number, edit in enumerate(edits) for fold in folds]


def by_key(outcomes):
    return {outcome.job.key: outcome for outcome in outcomes}


def apart(a, b):
    """The largest difference of two states' parameters, relative to each tensor's largest value."""
    return max(
        float((one - b.tensors[name]).abs().max() / one.abs().max().clamp_min(1e-12))
        for name, one in a.tensors.items()
        if name.startswith("p.")
    )


def same(alone, together, tolerance=2e-5):
    assert set(alone) == set(together)
    for key, one in alone.items():
        other = together[key]
        assert one.broken == other.broken
        assert one.scores == pytest.approx(other.scores, abs=1e-6)
        assert one.costs == pytest.approx(other.costs, rel=1e-4)
        assert one.losses == pytest.approx(other.losses, rel=1e-4)
        assert one.first == pytest.approx(other.first, rel=1e-5)
        if one.state is not None:
            assert apart(one.state, other.state) < tolerance


RULES = [
    {"optimizer": "sgd", "lr": 0.1}, {"optimizer": "momentum", "momentum": 0.8}, {"optimizer": "nesterov"},
    {"optimizer": "rmsprop", "lr": 1e-3}, {"optimizer": "adagrad", "lr": 0.05}, {"optimizer": "adam", "lr": 3e-3},
    {"optimizer": "adamw", "lr": 3e-3, "weight_decay": 0.1},
]  # fmt: skip
NUMBERS = [
    {"lr": 0.02, "dropout": 0.3}, {"lr": 0.1, "dropout": 0.6, "momentum": 0.5}, {"weight_decay": 1e-2, "dropout": 0.1},
    {"clip_norm": 0.3, "dropout": 0.2}, {"label_smoothing": 0.2, "dropout": 0.2}, {"schedule": "cosine", "dropout": 0.2},
    {"schedule": "one-cycle", "warmup": 0.2, "dropout": 0.2}, {"schedule": "plateau", "dropout": 0.2},
]  # fmt: skip
ACTIVATIONS = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "maxout", "gelu", "silu", "selu", "softplus"]
SHAPES = [
    *({"activation": name, "dropout": 0.2, "depth": 2} for name in ACTIVATIONS),
    {"norm": "batch", "dropout": 0.2, "lr": 0.01}, {"norm": "batch", "activation": "tanh", "lr": 0.01}, {"depth": 3}, {"loss": "hinge"},
]  # fmt: skip


@pytest.mark.parametrize("edits", [RULES, NUMBERS, SHAPES], ids=["rules", "numbers", "shapes"])
def test_a_lane_is_what_the_slow_twin_gives(work, edits):
    jobs = jobs_of(edits)
    same(by_key(Serial().map(work, jobs)), by_key(Fleet("batched", threads=1).map(work, jobs)))


@pytest.mark.parametrize("edits", [RULES[2:6:3], NUMBERS, [{"activation": "prelu"}, {"norm": "layer", "dropout": 0.2}]])
def test_vmap_too_and_modules_that_are_no_stack(work, edits):
    jobs = jobs_of(edits)
    same(by_key(Serial().map(work, jobs)), by_key(Fleet("vmap", threads=1).map(work, jobs)))


def test_without_dropout_a_lane_is_what_the_trainer_gives(work, split):
    for edit in ({"lr": 0.1}, {"schedule": "step", "weight_decay": 1e-3}):
        (outcome,) = Fleet("batched").map(work, [Job(0, edit, 4, 4)])
        recipe = BASE.edit(edit)
        wanted = fit(recipe, split)
        assert outcome.costs == pytest.approx([epoch.loss for epoch in wanted.history], rel=1e-4)


@pytest.mark.parametrize("task", ["diabetes", "iris"])
def test_folds_and_seeds_and_regression(task):
    base = Recipe(data=task, epochs=3, width=8, depth=1, batch=32, optimizer="momentum", lr=0.01)
    work = Work(base, load(base), folds=3)
    jobs = jobs_of([{"dropout": 0.2}, {"lr": 0.03, "dropout": 0.1}], 3, 3, (0, 1, 2))
    jobs.append(Job(0, {"dropout": 0.2}, 3, 3, 1, seed=1))
    slow, fast = by_key(Serial().map(work, jobs)), by_key(Fleet("batched", threads=1).map(work, jobs))
    same(slow, fast)
    assert slow[0, 1, 0].scores != slow[0, 1, 1].scores


@pytest.mark.parametrize("engine", ["batched", "vmap"])
def test_purity_alone_and_among_neighbours_one_of_them_broken(work, engine):
    edits = [{"lr": float(lr), "dropout": 0.3} for lr in np.geomspace(1e-3, 0.3, 40)]
    edits += [{"lr": 1e30, "dropout": 0.3}] * 3
    together = by_key(Fleet(engine, threads=1, width=43).map(work, jobs_of(edits)))
    for number in (0, 17, 39):
        (alone,) = Fleet(engine, threads=1, width=43).map(work, [Job(number, edits[number], 2, 4)])
        assert apart(alone.state, together[number, 0, 0].state) < 1e-5
        assert alone.scores == together[number, 0, 0].scores
    assert together[41, 0, 0].broken == "cost is not finite"
    assert together[41, 0, 0].state is None


def test_purity_in_a_fleet_of_256(work):
    edits = [{"lr": float(lr), "dropout": 0.3} for lr in np.geomspace(1e-3, 0.3, 256)]
    together = by_key(Fleet("batched", threads=1, width=256).map(work, jobs_of(edits, until=1)))
    (alone,) = Fleet("batched").map(work, [Job(100, edits[100], 1, 4)])
    assert apart(alone.state, together[100, 0, 0].state) < 1e-5


@pytest.mark.parametrize("optimizer", ["nesterov", "adam", "rmsprop", "adagrad"])
@pytest.mark.parametrize(
    ("first", "second"), [("batched", "batched"), ("batched", "solo"), ("solo", "batched"), ("batched", "vmap")]
)
def test_a_rung_goes_on_where_the_last_one_stood_whatever_the_engine(work, optimizer, first, second):
    edits = [{"optimizer": optimizer, "lr": lr, "dropout": 0.2, "norm": "batch"} for lr in (0.003, 0.01)]
    unbroken = by_key(Fleet("batched", threads=1).map(work, jobs_of(edits, until=4)))
    half = by_key(Fleet(first, threads=1).map(work, jobs_of(edits, until=2)))
    jobs = [Job(key[0], edits[key[0]], 4, 4, state=outcome.state) for key, outcome in half.items()]
    whole = by_key(Fleet(second, threads=1).map(work, jobs))
    same(unbroken, whole, 1e-6 if (first, second) == ("batched", "batched") else 2e-3)


def test_lanes_that_wait_come_on_board_and_epochs_mix(work):
    edits = [{"lr": lr, "dropout": 0.2} for lr in (0.01, 0.02, 0.03, 0.04, 0.05)]
    jobs = [Job(number, edit, 1 + number % 3, 4) for number, edit in enumerate(edits)]
    same(by_key(Serial().map(work, jobs)), by_key(Fleet("batched", threads=1, width=2).map(work, jobs)))


def test_threads_change_nothing(work):
    edits = [{"lr": float(lr), "dropout": 0.2} for lr in np.geomspace(1e-3, 0.1, 12)]
    one = by_key(Fleet("batched", threads=1, width=4).map(work, jobs_of(edits)))
    two = by_key(Fleet("batched", threads=2, width=4).map(work, jobs_of(edits)))
    same(one, two, 1e-6)


def test_short_memory_halves_the_lanes_and_goes_on(work, monkeypatch):
    real = fleets.Cohort

    class Tight(real):
        def _seat(self, lanes):
            if len(lanes) > 3:
                raise torch.OutOfMemoryError("no more")
            super()._seat(lanes)

    edits = [{"lr": float(lr)} for lr in np.geomspace(1e-3, 0.1, 9)]
    wanted = by_key(Fleet("batched", threads=1).map(work, jobs_of(edits)))
    monkeypatch.setattr(fleets, "Cohort", Tight)
    fleet = Fleet("batched", threads=1, width=8)
    same(wanted, by_key(fleet.map(work, jobs_of(edits))))
    assert any("memory was short" in note for note in fleet.notes)


class Plain(nn.Module):
    """A network with a forward of its own."""

    def __init__(self, inputs, width, outputs, dropout):
        super().__init__()
        self.a, self.b, self.drop = nn.Linear(inputs, width), nn.Linear(width, outputs), nn.Dropout(dropout)

    def forward(self, x):
        return self.b(self.drop(torch.relu(self.a(x.view(x.size(0), -1)))))


class Odd(Plain):
    """No stack: it adds its input's mean."""

    def forward(self, x):
        return super().forward(x) + x.mean(1, keepdim=True)


class Wild(Plain):
    """Looks at values, which vmap can't."""

    def forward(self, x):
        return super().forward(x) * (2 if bool(self.a.weight.sum() > -1e9) else 1)


@pytest.mark.parametrize(("kind", "engines"), [(Plain, "batched"), (Odd, "vmap")])
def test_a_users_module_unchanged(split, kind, engines):
    work = Work(BASE, split, model=lambda hp: kind(4, hp.width, 3, hp.dropout))
    jobs = jobs_of(
        [{"width": 8, "dropout": 0.2}, {"width": 8, "dropout": 0.5, "lr": 0.01}, {"width": 6, "dropout": 0.5}]
    )
    same(by_key(Serial().map(work, jobs)), by_key(Fleet(engines, threads=1).map(work, jobs)))


def test_what_vmap_cannot_take_goes_one_by_one_with_a_sentence(split):
    work = Work(BASE, split, model=lambda hp: Wild(4, 8, 3, hp.dropout))
    fleet = Fleet("auto", threads=1)
    outcomes = by_key(fleet.map(work, jobs_of([{"dropout": 0.2}, {"dropout": 0.3}])))
    assert all(len(outcome.scores) == 2 for outcome in outcomes.values())
    assert any("vmap can't take this network" in note for note in fleet.notes)
    assert any(note.startswith("one by one") for note in fleet.notes)


def test_an_engine_that_cannot_be_is_an_error(split, work):
    with pytest.raises(RecipeError, match="did you mean batched"):
        Fleet("batchd")
    odd = Work(BASE, split, model=lambda hp: Odd(4, 8, 3, 0.0))
    with pytest.raises(TrainingError, match="engine=batched needs a stack"):
        list(Fleet("batched").map(odd, jobs_of([{}])))


def test_a_closed_fleet_breaks_off(work):
    jobs = jobs_of([{"lr": float(lr)} for lr in np.geomspace(1e-3, 0.1, 30)], until=4)
    outcomes = Fleet("batched", threads=2, width=2).map(work, jobs)
    next(outcomes)
    outcomes.close()
    fleet = Fleet("batched")
    fleet.deadline = -math.inf
    assert list(fleet.map(work, jobs)) == []
