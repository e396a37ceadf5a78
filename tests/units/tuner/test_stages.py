"""Coarse to fine: rungs, sizes, boxes, edges, and the same rule as Optuna's sampler."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.tuner import methods
from babysit.tuner.sampler import StagedSampler
from babysit.tuner.space import Space, choice, log, uniform
from babysit.tuner.stages import Seen, Staged, at_edge, ladder, sizes, stratified, survivors

SPACE = Space.of({"lr": log(1e-4, 1), "dropout": uniform(0, 0.5), "kind": choice("a", "b", "c")})


def seen_of(rows, scores, epochs=None):
    rows = np.array(rows, float).reshape(len(scores), len(SPACE))
    return Seen(rows, np.array(scores, float), np.array(epochs or [10] * len(scores)))


@given(st.integers(1, 400))
def test_no_rung_is_below_two_epochs_and_the_last_is_a_full_training(epochs):
    rungs = ladder(epochs)
    assert rungs == sorted(set(rungs))
    assert rungs[-1] == epochs
    assert rungs[0] >= min(2, epochs)


@given(st.integers(1, 3000), st.integers(1, 8))
def test_stages_together_have_all_trials_many_first(trials, stages):
    found = sizes(trials, stages)
    assert sum(found) == trials
    assert found == sorted(found, reverse=True)
    assert min(found) >= 1


def test_every_rung_keeps_fewer_and_at_least_one():
    counts = [survivors(64, rung, 4) for rung in range(4)]
    assert counts == [21, 7, 2, 0]
    assert survivors(1, 0, 4) == 1


def test_the_first_stage_is_everywhere_and_in_every_slice():
    points = Staged(SPACE, 3).propose(50, 0, seen_of([], []))
    for column in points.T:
        assert sorted(np.floor(column * 50).astype(int)) == list(range(50))


def test_later_stages_lie_around_the_best_narrower_each_time():
    seen = seen_of([[0.4, 0.8, 0.5], [0.9, 0.1, 0.1]], [0.9, 0.2])
    spreads = []
    for stage in (1, 3, 8):
        method = Staged(SPACE, 0, share_global=0.0, centres=1)
        points = method.propose(400, stage, seen)
        width = method.width(stage)
        assert np.all(np.abs(points[:, 0] - np.clip(0.4, width / 2, 1 - width / 2)) <= width / 2 + 1e-9)
        spreads.append(np.ptp(points[:, 0]))
        kept = np.mean([SPACE.edit(point)["kind"] == "b" for point in points])
        assert kept > 1 - width
    assert spreads == sorted(spreads, reverse=True)


def test_a_share_stays_global_and_draws_depend_on_seed_and_stage_alone():
    seen = seen_of([[0.5, 0.5, 0.5]], [1.0])
    points = Staged(SPACE, 0, share_global=0.3, centres=1).propose(1000, 9, seen)
    outside = np.mean(np.abs(points[:, 0] - 0.5) > 0.07)
    assert 0.2 < outside < 0.4
    again = Staged(SPACE, 0, share_global=0.3, centres=1).propose(1000, 9, seen)
    assert np.array_equal(points, again)


def test_long_trials_count_before_good_short_ones_and_broken_ones_never():
    seen = seen_of([[0.1] * 3, [0.2] * 3, [0.3] * 3], [0.99, 0.9, -math.inf], [2, 30, 30])
    assert seen.best_first().tolist() == [1, 0]


def test_a_best_value_at_the_edge_is_seen_once_the_others_agree():
    near = [[0.98, 0.5, 0.5], [0.9, 0.4, 0.5], [0.95, 0.6, 0.5]]
    assert at_edge(SPACE, seen_of(near, [0.9, 0.8, 0.7])) == [("lr", "high")]
    assert at_edge(SPACE, seen_of([[0.98, 0.5, 0.5], [0.2, 0.4, 0.5], [0.3, 0.6, 0.5]], [0.9, 0.8, 0.7])) == []


@pytest.mark.parametrize("name", list(methods.OWN))
def test_every_method_gives_points_inside_the_cube(name):
    kind = methods.OWN[name]
    method = kind(SPACE, 0)
    seen = seen_of([], [])
    points = method.propose(20, 0, seen)
    assert points.shape == (20, 3)
    assert points.min() >= 0
    assert points.max() <= 1
    assert len({tuple(point) for point in points}) == 20


def test_a_grid_has_every_combination_of_its_values():
    points = methods.Grid(SPACE, 0, 27).propose(27, 0, seen_of([], []))
    assert sorted(map(tuple, np.round(points * 3 - 0.5).astype(int))) == [
        (a, b, c) for a in range(3) for b in range(3) for c in range(3)
    ]


def test_latin_hypercube_of_nothing():
    assert stratified(np.random.default_rng(0), 4, 0).shape == (4, 0)


def objective(trial):
    kind = trial.suggest_categorical("kind", ["a", "b"])
    x, lr = trial.suggest_float("x", 0, 1), trial.suggest_float("lr", 1e-5, 1, log=True)
    if kind == "a":
        x += 0.1 * trial.suggest_float("extra", 0, 1)
    value = -((x - 0.7) ** 2) - (math.log10(lr) + 2) ** 2 / 10
    trial.report(value, 1)
    if value < -1:
        raise optuna.TrialPruned
    return value


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_sampler_works_in_any_study_and_closes_in(direction):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sign = 1 if direction == "maximize" else -1
    study = optuna.create_study(direction=direction, sampler=StagedSampler(trials=120, seed=1))
    study.optimize(lambda trial: sign * objective(trial), n_trials=120)
    values = np.array([trial.value for trial in study.trials if trial.value is not None])
    first, last = np.median(values[:40] * sign), np.median(values[-30:] * sign)
    assert last > first
    assert sign * study.best_value > -0.01


def test_drawing_thousands_needs_no_more_memory_than_drawing_hundreds():
    space = Space({"lr": log(1e-4, 1), "dropout": uniform(0, 0.5)})
    draw = np.random.default_rng(0)
    seen = Seen(draw.random((400, 2)), draw.random(400), np.full(400, 4))
    tracemalloc.start()
    points = Staged(space).propose(2000, 1, seen)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert points.shape == (2000, 2)
    assert ((points >= 0) & (points <= 1)).all()
    assert len(np.unique(points, axis=0)) > 1900
    assert peak < 100e6
