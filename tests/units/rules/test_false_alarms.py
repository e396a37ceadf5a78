"""What once was a false alarm stays silent, and what it was mistaken for is still found: hand-written runs, in pairs."""

from __future__ import annotations

import numpy as np
import pytest

from babysit.doctor import diagnose
from babysit.record import Event, Run

T = 200
STEPS = np.arange(T)
FALLS = list(0.2 + 2.1 * np.exp(-STEPS / 40))
REST = list(2.3 + np.random.default_rng(0).normal(0, 0.01, T))
TEN = {"task": {"kind": "classes", "classes": 10}, "criteria": [{"kind": "CrossEntropyLoss", "reduction": "mean"}]}
NUMBERS = {"task": {"kind": "regression"}, "criteria": [{"kind": "MSELoss", "reduction": "mean"}]}


def severity(name, readings, facts=TEN, events=()) -> str | None:
    """How bad the finding is said to be, None where it isn't made."""
    found = {one.id: one.severity for one in diagnose(Run.of(readings, facts=facts, events=events)).findings}
    return found.get(name)


def test_examples_that_are_shown_and_not_judged_do_not_leak():
    seen = {
        "batch_val.overlap": {"0": [0.35] * T},
        "batch.seen_before": {"0": [0.0] * 50 + [1.0] * (T - 50)},
        "batch.size": {"0": [64.0] * T},
    }
    passes = [Event(50, "val", "", {"examples": 64}), Event(100, "val", "", {"examples": 64})]
    facts = {**TEN, "epochs": {"length": 50}}
    assert severity("validation-leak", {**seen, "loss.train": FALLS}, facts, passes) is None
    assert severity("validation-leak", {**seen, "loss.train": FALLS, "loss.val": FALLS}, facts, passes) == "warning"


def test_half_dead_layers_of_a_run_whose_loss_falls_are_no_disease():
    dead = {"activation.dead": {"relu": [0.1] * 8 + [0.66] * (T - 8)}}
    summed = [30_000 * value for value in FALLS]  # a sum over pixels: no distance from perfection measures it
    facts = {"task": {"kind": "multilabel", "classes": 784}, "criteria": [{"kind": "BCELoss", "reduction": "sum"}]}
    assert severity("dead-relu", {**dead, "loss.train": summed, "loss.chance": [0.3] * T}, facts) == "info"
    assert severity("dead-relu", {**dead, "loss.train": REST, "loss.chance": [2.3] * T}) == "warning"


def test_a_layer_that_gives_only_zeros_is_dead_however_few_examples_were_seen():
    facts = {**TEN, "modules": [{"name": "act", "kind": "ReLU", "calls": 1, "activation": {"name": "relu"}}]}
    flat = {"loss.train": REST, "loss.chance": [2.3] * T}
    assert severity("dead-relu", {**flat, "activation.zeros": {"act": [1.0] * 5}}, facts) == "error"
    assert severity("dead-relu", {**flat, "activation.zeros": {"act": [0.99] * 5}}, facts) is None


@pytest.mark.parametrize(("low", "high", "said"), [(0.0, 1.0, None), (0.0, 4000.0, "warning")])
def test_pixels_on_one_bounded_scale_are_not_unevenly_scaled(low, high, said):
    batch = {
        "batch.mean": {"0": [0.13]},
        "batch.std": {"0": [0.3]},
        "batch.min": {"0": [low]},
        "batch.max": {"0": [high]},
    }
    batch["batch.feature_spread"] = {"0": [766.0]}
    assert severity("input-not-normalized", {**batch, "loss.train": REST, "loss.chance": [2.3] * T}) == said


@pytest.mark.parametrize(("size", "said"), [(12.0, "info"), (120.0, "warning")])
def test_a_scale_far_beyond_one_is_told_to_a_winner_too(size, said):
    batch = {"batch.mean": {"0": [0.0]}, "batch.std": {"0": [size]}}
    assert severity("input-not-normalized", {**batch, "loss.train": FALLS, "loss.chance": [2.3] * T}) == said


@pytest.mark.parametrize(("classes", "course", "said"), [(27, REST, None), (2, FALLS, None), (2, REST, "warning")])
def test_rare_words_and_early_training_are_no_ignored_minority(classes, course, said):
    labels = {"target.entropy": [0.2] * T, "recall.min": [0.0] * T, "predicted.entropy": [0.0] * T}
    facts = {"task": {"kind": "classes", "classes": classes}}
    assert severity("minority-class-ignored", {**labels, "loss.train": course}, facts) == said


@pytest.mark.parametrize(("gradient", "said"), [(1e-8, None), (0.1, "error")])
def test_a_step_below_the_last_digit_of_a_vanished_gradient_is_no_fault_of_the_optimizer(gradient, said):
    one = {"name": "0.bias", "kind": "bias", "optimizer": "0.0", "requires_grad": True, "shape": [64]}
    still = {"update.zero": {"0.bias": [1.0] * 5}, "gradient.norm": {"0.bias": [8 * gradient] * 5}, "lr": [0.01] * T}
    sizes = {"gradient.rms": {"0.bias": [gradient] * 5}, "weight.rms": {"0.bias": [0.1] * 5}}
    facts = {**TEN, "parameters": [one], "optimizers": [{"kind": "SGD", "groups": [{"lr": 0.01}]}]}
    assert severity("weights-unchanged", {**still, **sizes, "loss.train": REST}, facts) == said


@pytest.mark.parametrize(("mean", "sd", "said"), [(4.5, 2.87, "warning"), (3.0, 1.7, None)])
def test_class_ids_are_evenly_spread_and_counts_are_not(mean, sd, said):
    ids = {
        "target.integers": [1.0] * T,
        "target.classes_seen": [10.0] * T,
        "target.min": [0.0] * T,
        "target.max": [9.0] * T,
    }
    course = {"loss.train": [20 * value for value in FALLS], "loss.chance": [50.0] * T, "r2.train": [0.9] * T}
    got = severity(
        "loss-metric-disagree", {**ids, **course, "target.mean": [mean] * T, "target.std": [sd] * T}, NUMBERS
    )
    assert got == said


@pytest.mark.parametrize(("score", "said"), [(0.85, "warning"), (0.97, None)])
def test_how_much_is_right_in_training_follows_from_a_small_loss(score, said):
    course = list(2.3 * np.exp(-STEPS / 20) + 0.002)
    val = {"loss.val": [0.4] * 4, "accuracy.val": [score] * 4, "accuracy.train": [0.5] * 3}  # read long ago
    assert severity("overfitting", {**val, "loss.train": course, "loss.chance": [2.3] * T}) == said


def test_a_weighted_loss_is_not_measured_by_unweighted_labels():
    facts = {"task": {"kind": "binary", "classes": 2}, "criteria": [{"kind": "BCEWithLogitsLoss", "weighted": True}]}
    rare = {"loss.chance": [0.14] * T, "target.entropy": [0.14] * T, "accuracy.train": [0.84] * T}
    assert diagnose(Run.of({**rare, "loss.train": FALLS}, facts=facts)).status == "healthy"


def test_decay_that_drowns_the_data_is_named_before_the_rate_it_makes_look_high():
    net = [
        {
            "name": f"{i}.weight",
            "kind": "weight",
            "module": str(i),
            "shape": [64, 64],
            "requires_grad": True,
            "optimizer": "0.0",
        }
        for i in range(3)
    ]
    facts = {**TEN, "parameters": net, "optimizers": [{"kind": "SGD", "groups": [{"lr": 0.05, "weight_decay": 1.0}]}]}
    shrink = {
        "weight.norm": {one["name"]: list(10 * 0.9**STEPS) for one in net},
        "update.decay_cosine": {one["name"]: [0.97] * T for one in net},
    }
    fast = {"update.ratio": {one["name"]: [0.25] * T for one in net}}
    found = diagnose(Run.of({**shrink, **fast, "loss.train": REST, "loss.chance": [2.2] * T}, facts=facts)).findings
    assert found[0].id == "regularization-too-strong"
    assert {one.explained_by for one in found if one.id == "updates-too-large"} <= {
        "regularization-too-strong",
        "learning-rate-too-high",
    }


@pytest.mark.parametrize(("goes_on", "said"), [(False, "info"), (True, "warning")])
def test_a_head_of_one_unit_is_no_bottleneck(goes_on, said):
    """Two heads side by side, the narrow one called first; and a layer of one unit that the last one follows."""

    def linear(name, units, after):
        return {"name": name, "kind": "Linear", "role": "linear", "out": units, "calls": 1, "after": after}

    facts = {
        "task": {"kind": "binary", "classes": 2},
        "criteria": [{"kind": "BCEWithLogitsLoss", "reduction": "mean"}],
        "modules": [
            linear("body", 64, []),
            linear("task", 1, ["body"]),
            {"name": "act", "kind": "ReLU", "role": "activation", "calls": 1, "after": ["task" if goes_on else "body"]},
            linear("other", 1, ["act"]),
        ],
        "parameters": [
            {"name": f"{name}.weight", "module": name, "kind": "weight", "shape": shape}
            for name, shape in (("body", (64, 9)), ("task", (1, 64)), ("other", (1, 64)))
        ],
    }
    score = list(0.8 - 0.3 * np.exp(-np.arange(300) / 40))
    run = {
        "loss.train": list(0.45 + 0.24 * np.exp(-np.arange(300) / 40)),
        "loss.chance": [0.69] * 300,
        "accuracy.train": score,
        "accuracy.val": score,
    }
    assert severity("underfitting", run, facts) == said


@pytest.mark.parametrize(("bound", "left", "between", "said"), [
    (-1, 3e-4, 1e-3, "warning"), (-2, 3e-4, 1e-3, "warning"), (-1, 0.03, 1e-3, None), (-1, 3e-4, 0.3, None), (-1.4, 3e-4, 1e-3, None),
])  # fmt: skip
def test_cosines_that_reach_one_while_all_outputs_become_one(bound, left, between, said):
    """A loss that stops short of the bound, or ends at a level that is none, or outputs that still differ, are no collapse."""
    fades = np.exp(-STEPS / 10)
    run = {
        "loss.train": list(bound + left + (0.1 - bound - left) * fades),
        "activation.between": {"out": list(between + (0.3 - between) * fades)},
    }
    facts = {"modules": [{"name": "out", "kind": "Linear", "role": "linear", "calls": 1, "leaf": True}]}
    assert severity("rank-collapse", run, facts) == said
