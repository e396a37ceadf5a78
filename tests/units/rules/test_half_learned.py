"""What is said of runs that learn, half as well as they could: exact facts, and their healthy look-alikes."""

from __future__ import annotations

import math

import numpy as np

from babysit.doctor import diagnose
from babysit.record import Event, Run

T = 200
CLASSES = {"task": {"kind": "classes", "classes": 10}, "criteria": [{"name": "", "kind": "CrossEntropyLoss", "reduction": "mean"}]}  # fmt: skip
LEARNS = {"loss.train": list(2.3 * np.exp(-np.arange(T) / 50) + 0.05), "loss.chance": [2.3] * T}


def said(readings: dict, facts: dict = CLASSES, events: tuple = ()) -> dict[str, str]:
    verdict = diagnose(Run.of(readings, facts=facts, events=events))
    assert not verdict.failed
    return {one.id: one.severity for one in verdict.findings}


def frozen(std: float, **more) -> dict:
    weight = {"kind": "weight", "shape": [64, 64], "module": "0", "registered": True}
    return {**CLASSES, "parameters": [
        {**weight, "name": "0.weight", "requires_grad": False, "optimizer": "0.0", "start": {"mean": 0.0, "std": std}, **more},
        {**weight, "name": "2.weight", "module": "2", "requires_grad": True, "optimizer": "0.0", "start": {"mean": 0.0, "std": 0.07}},
    ], "optimizers": [{"index": 0, "kind": "Adam", "groups": [{"lr": 1e-3}], "foreign": 0}]}  # fmt: skip


def test_frozen_weights_that_were_never_trained_are_told_from_pretrained_ones():
    as_drawn = 1 / math.sqrt(3 * 64)
    assert said(LEARNS, frozen(as_drawn))["frozen-by-mistake"] == "warning"
    assert said(LEARNS, frozen(0.02))["frozen-by-mistake"] == "info"
    moved = {**LEARNS, "update.ratio": {"0.weight": [1e-3] * T}}  # trained first, frozen then
    assert said(moved, frozen(as_drawn))["frozen-by-mistake"] == "info"
    gone = frozen(as_drawn, optimizer="7.0")  # by an optimizer that is no more
    assert said(LEARNS, gone)["frozen-by-mistake"] == "info"


def test_a_frozen_copy_follows_a_part_that_is_trained():
    def weight(name: str, trained: bool) -> dict:
        start = {"mean": 0.0, "std": 1 / math.sqrt(3 * 64)}
        return {
            "name": name,
            "kind": "weight",
            "shape": [64, 64],
            "module": name[:-7],
            "requires_grad": trained,
            "optimizer": None,
            "start": start,
        }

    online, target = (["online.0.weight", "online.2.weight"], ["target.0.weight", "target.2.weight"])
    copy = [*(weight(name, True) for name in online), *(weight(name, False) for name in target)]
    assert said(LEARNS, {**CLASSES, "parameters": copy})["frozen-by-mistake"] == "info"
    layers = [weight("fc1.weight", False), weight("fc2.weight", True)]  # of one shape, and no copies
    assert said(LEARNS, {**CLASSES, "parameters": layers})["frozen-by-mistake"] == "warning"


def test_random_labels_leave_errors_without_structure():
    noisy = {**LEARNS, "errors.val": [0.6] * 8, "accuracy.val": [0.4] * 8, "target.entropy": [2.3] * T}
    assert said({**noisy, "errors.structure": [0.5] * 8})["suspicious-labels"] == "warning"
    assert "suspicious-labels" not in said({**noisy, "errors.structure": [25.0] * 8})


def test_a_class_that_missing_labels_were_filled_with_is_told_from_one_common_by_nature():
    half = {
        "loss.train": [2.3] * 20 + [1.0] * 180,
        "loss.chance": [1.5] * T,
        "target.commonest": [0.0] * T,
        "target.excess": [9.0] * T,
    }
    half |= {
        "target.min": [0.0] * T,
        "target.max": [9.0] * T,
        "target.classes_seen": [10.0] * T,
        "batch.size": {"0": [64.0] * T},
    }
    assert said({**half, "target.rest_structure": [0.3] * T})["suspicious-labels"] == "warning"
    assert "suspicious-labels" not in said({**half, "target.rest_structure": [40.0] * T})


def test_outputs_in_one_point_are_told_from_outputs_that_part():
    facts = {"modules": [{"name": "0", "kind": "Linear", "calls": 1}]}
    alone = {"loss.train": list(np.exp(-np.arange(T) / 10.0))}
    point = {**alone, "activation.between": {"0": list(0.3 * np.exp(-np.arange(T) / 20.0))}}
    assert said(point, facts)["rank-collapse"] == "warning"
    assert "rank-collapse" not in said({**alone, "activation.between": {"0": [0.3] * 10 + [0.8] * (T - 10)}}, facts)


def test_a_scaler_that_never_finds_its_scale_is_told_from_one_that_searches():
    stuck = {"loss.train": [2.3] * 40, "update.skipped": {"0": [1.0] * 40}, "amp.scale": [2.0**39] * 40}
    assert said(stuck, {})["amp-skips-steps"] == "error"
    assert "amp-skips-steps" not in said({**stuck, "amp.scale": [2.0 ** (60 - step) for step in range(40)]}, {})


def test_running_statistics_that_are_still_their_start():
    def run(momentum: float, gap: float) -> dict[str, str]:
        norm = {
            "norm.mean_gap": {"bn": [gap] * T},
            "norm.var_ratio": {"bn": [1.0] * T},
            "norm.batch": {"bn": [512.0] * T},
        }
        module = {"name": "bn", "kind": "BatchNorm2d", "calls": 1, "running": True, "momentum": momentum}
        learned = {**LEARNS, "accuracy.val": [0.4] * 5, **norm, "norm.updates": {"bn": list(range(1, T + 1))}}
        found = diagnose(Run.of(learned, facts={**CLASSES, "modules": [module]})).findings
        return {one.id: one.stage for one in found if one.severity != "info"}

    assert run(0.001, 1.8)["batchnorm-train-eval-gap"] == "confirmed"  # 0.999^200: 82 % of them is 0 and 1
    assert run(0.1, 1.8)["batchnorm-train-eval-gap"] == "suspect"
    assert "batchnorm-train-eval-gap" not in run(0.1, 0.1)


def test_a_drowned_criterion_is_told_from_a_task_that_cant_be_learned():
    facts = {"task": {"kind": "regression"}, "criteria": [{"name": "", "kind": "MSELoss", "reduction": "mean"}, {"name": "criterion1", "kind": "MSELoss", "reduction": "mean"}]}  # fmt: skip
    one, other = np.exp(-np.arange(T) / 30) + 0.01, 1 + 0.05 * np.sin(np.arange(T))

    def run(weight: float) -> dict[str, str]:
        both = {"": list(one), "criterion1": list(other)}
        return said({"loss.train": list(one + weight * other), "loss.criterion": both, "loss.chance": {"": [1.0] * T, "criterion1": [1.0] * T}}, facts)  # fmt: skip

    assert run(0.001)["loss-term-dominates"] == "warning"
    assert "loss-term-dominates" not in run(1.0)


def test_parts_put_into_evaluation_mode_by_hand_are_no_forgotten_eval():
    fixed = {**LEARNS, "mode.train": [1.0] * 20 + [0.0] * 20}
    assert said({**fixed, "mode.model": [1.0] * 20 + [0.0] * 20})["training-in-eval-mode"] == "warning"
    assert said({**fixed, "mode.model": [1.0] * 40})["training-in-eval-mode"] == "info"


def test_answers_averaged_over_dropout_are_no_forgotten_eval():
    passes = {**LEARNS, "mode.val": [1.0] * 5, "loss.val": [0.5] * 5}
    assert said(passes)["validation-in-train-mode"] == "warning"
    assert said({**passes, "batch_val.repeats": {"0": [0.95] * 5}})["validation-in-train-mode"] == "info"
    mixed = {**passes, "batch_val.repeats": {"0": [0.95] * 5}, "norm.moved_in_val": [1.0] * 5}
    assert said(mixed)["validation-in-train-mode"] == "warning"


def test_a_rare_class_is_judged_when_the_training_is_over():
    facts = {"task": {"kind": "binary", "classes": 2}, "criteria": [{"kind": "BCEWithLogitsLoss", "reduction": "mean"}]}
    falls = {
        "loss.train": list(0.3 - 0.001 * np.arange(T)),
        "target.entropy": [0.18] * T,
        "predicted.entropy": [0.0] * T,
        "loss.chance": [0.18] * T,
    }
    falls |= {"recall.min": [0.0] * T, "accuracy.val": [0.966] * 6}
    assert "minority-class-ignored" not in said(falls, facts)  # the common class is learned first
    assert said(falls, facts, (Event(T, "end"),))["minority-class-ignored"] == "warning"
