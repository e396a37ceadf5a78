"""The gates before learning: healthy recipes pass all four, each fault fails the one that is about it."""

from __future__ import annotations

import numpy as np
import pytest

from babysit import Recipe
from babysit.checks import CannotJudge, Check, Outcome, check, gates
from babysit.checks.initial_loss import initial_loss
from babysit.checks.learning_rate_range import interval, learning_rate_range
from babysit.checks.overfits_tiny_subset import overfits_tiny_subset
from babysit.checks.regularization_wired import regularization_wired
from babysit.data import load
from babysit.record import Run
from babysit.registry import members
from babysit.trainer import prepare
from babysit.trainer.brief import brief

GATES = [initial_loss, regularization_wired, overfits_tiny_subset, learning_rate_range]


def ask(gate: Check, **fields) -> Outcome:
    recipe = Recipe(**{"data": "iris", "width": 32, **fields})
    split = load(recipe)
    return gate(recipe, brief(split, prepare(recipe, split), recipe))


def test_there_are_four_in_the_lectures_order():
    assert gates(members("babysit.checks", Check)) == GATES


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": "digits", "norm": "batch", "dropout": 0.3},
        {"data": "diabetes"},
        {"loss": "hinge"},
        {"optimizer": "nesterov", "lr": 0.01},
        {"optimizer": "adamw", "activation": "tanh"},
    ],
    ids=str,
)
def test_healthy_recipes_pass(gate, fields):
    outcome = ask(gate, **fields)
    assert outcome.passed, outcome
    assert outcome.expected
    assert outcome.measured
    assert outcome.to_dict() == {
        "id": gate.name, "passed": True, "expected": outcome.expected, "measured": outcome.measured,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "loss", "expected"),
    [("digits", "auto", "2.3 (ln K"), ("iris", "hinge", "2 (K - 1)"), ("diabetes", "auto", "1 (Var y)")],
)
def test_what_chance_gives(data, loss, expected):
    assert ask(initial_loss, data=data, loss=loss).expected.startswith(expected)


def test_a_network_too_sure_of_itself_fails_the_first():
    outcome = ask(initial_loss, data="digits", init="large")
    assert outcome.passed is False
    assert "too sure" in outcome.reason


def test_a_loss_far_below_chance_is_suspicious():
    def knows(recipe, **more):
        return Run.of(
            {"loss.train": [0.1], "loss.uniform": [2.3], "loss.chance": [2.3]}, facts={"loss": "cross_entropy"}
        )

    assert "before learning" in initial_loss(Recipe(), knows).reason


def test_weight_decay_that_never_arrives_is_seen():
    def unwired(recipe, **more):
        steps = {"loss.train": [2.3, 2.2], "loss.penalty": [0.0], "weight.norm": {"w": [3.0, 3.1]}}
        return Run.of(steps)

    outcome = regularization_wired(Recipe(), unwired)
    assert outcome.passed is False
    assert "does not reach the loss" in outcome.reason


def test_weight_decay_in_the_groups_that_does_not_shrink_is_seen():
    def stuck(recipe, **more):
        penalty = 4.5 * recipe.weight_decay
        return Run.of({"loss.train": [2.3, 2.2], "loss.penalty": [penalty], "weight.norm": {"w": [3.0, 3.1]}})

    assert "do not shrink" in regularization_wired(Recipe(), stuck).reason


def test_what_cannot_be_judged_says_why():
    outcome = ask(regularization_wired, init="zero")
    assert outcome.passed is None
    assert "starts at 0" in outcome.reason


@pytest.mark.parametrize("fields", [{"init": "zero"}, {"activation": "sigmoid", "init": "small", "depth": 6}], ids=str)
def test_networks_that_cannot_learn_fail_the_tiny_subset_and_have_no_learning_rate(fields):
    assert ask(overfits_tiny_subset, data="digits", **fields).passed is False
    assert ask(learning_rate_range, data="digits", **fields).passed is False


def test_the_suggested_interval_holds_a_rate_that_works():
    from babysit.trainer import fit

    low, high = ask(learning_rate_range, data="digits").suggests["lr"]
    assert low < high / 10
    recipe = Recipe(data="digits", model="mlp", width=32, epochs=4, lr=float(np.sqrt(low * high)))
    assert fit(recipe, load(recipe)).score > 0.9


def test_the_interval_of_a_ramp():
    rates = np.geomspace(1e-6, 10, 150)
    noise = np.random.default_rng(0).normal(size=150) * 0.01
    losses = 2.3 - np.clip(np.log10(rates / 1e-4), 0, 3) * 0.6 + noise
    losses[rates > 0.5] = np.nan
    low, high = interval(losses, rates)
    assert 1e-4 < low < 1e-3
    assert 0.3 < high <= 0.5
    assert interval(np.full(150, 2.3) + noise, rates) is None
    assert interval(np.full(150, np.nan), rates) is None


def test_a_check_of_ones_own():
    @check
    def always_sad(recipe, train):
        """Is it sad?"""
        raise CannotJudge("nobody knows")

    outcome = always_sad(Recipe(), lambda *args, **more: Run())
    assert (outcome.id, outcome.passed, outcome.reason) == ("always-sad", None, "nobody knows")
    assert always_sad.title == "Is it sad?"
    assert always_sad.gate is None
