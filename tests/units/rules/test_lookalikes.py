"""Diseases that look alike are told apart by evidence: each pair differs in what separates them, and in nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from babysit.doctor import diagnose
from babysit.record import Event, Run
from babysit.rules._progress import grade, majority, progress
from babysit.rules.batches_not_shuffled import expected_entropy

T = 300
CLASSES = {"task": {"kind": "classes", "classes": 10}, "criteria": [{"kind": "CrossEntropyLoss", "reduction": "mean"}]}
NOISE = np.random.default_rng(0).normal(0, 0.01, T)
FLAT = list(2.303 + NOISE)
FALLS = list(2.3 * np.exp(-np.arange(T) / 60) + 0.05)


def serious(readings, facts=CLASSES, events=(), steps=None) -> list[str]:
    run = Run.of(readings, facts=facts, events=events, steps=steps)
    return [one.id for one in diagnose(run).findings if one.severity != "info"]


def flat(**more):
    return {"loss.train": FLAT, "loss.chance": [2.303] * T, "update.ratio": {"w": [1e-3] * T}, **more}


def test_log_softmax_before_cross_entropy_is_harmless_and_softmax_is_not():
    assert "loss-expects-logits" not in serious(
        flat(**{"output.row_sum_error": [-1.0] * T, "output.log_row_sum_error": [0.0] * T})
    )
    assert "loss-expects-logits" in serious(
        flat(**{"output.row_sum_error": [1e-7] * T, "batch.size": {"0": [64.0] * T}})
    )


def test_logits_that_lie_between_0_and_1_for_a_while_are_no_probabilities():
    facts = {"task": {"kind": "binary", "classes": 2}, "criteria": [{"kind": "BCEWithLogitsLoss"}]}
    readings = {
        "loss.train": [0.69] * T,
        "batch.size": {"0": [64.0] * T},
        "output.min": [0.1] * 20 + [-0.2] * 280,
        "output.max": [0.4] * T,
    }
    assert "loss-expects-logits" not in serious(readings, facts)
    assert "loss-expects-logits" in serious({**readings, "output.min": [0.01] * T}, facts)


def test_accumulation_on_purpose_is_not_forgotten_clearing():
    on_purpose = {"calls.steps_since_zero": {"0": [1.0] * T}, "calls.backward": {"0": [4.0] * T}}
    assert serious({"loss.train": FALLS, **on_purpose}) == []
    forgotten = {"calls.steps_since_zero": {"0": list(map(float, range(1, T + 1)))}, "calls.backward": {"0": [1.0] * T}}
    assert serious({"loss.train": FALLS, **forgotten}) == ["gradients-accumulate"]


def test_steps_that_mixed_precision_skips_are_not_steps_without_gradients():
    readings = flat(
        **{"calls.backward": {"0": [1.0] * T}, "gradient.missing": {"0": [1.0] * T}, "update.skipped": {"0": [1.0] * T}}
    )
    assert "step-without-gradients" not in serious(readings)


@pytest.mark.parametrize(("ratio", "cause"), [(1e-7, "learning-rate-too-low"), (1e-3, "labels-independent-of-inputs")])
def test_a_flat_loss_is_told_by_how_far_the_weights_move(ratio, cause):
    assert serious(flat(**{"update.ratio": {"w": [ratio] * T}}))[0] == cause


def test_a_rate_that_is_still_warming_up_is_not_too_low():
    readings = flat(**{"update.ratio": {"w": [1e-6] * T}, "lr": list(np.linspace(1e-8, 1e-3, T))})
    assert "learning-rate-too-low" not in serious(readings)


def test_a_single_spike_is_a_bad_batch_only_where_the_batch_is_odd():
    loss, largest = [*FALLS], [3.0 + 0.01 * (step % 7) for step in range(T)]
    loss[200], largest[200] = 300.0, 9999.0
    assert serious({"loss.train": loss, "loss.chance": [2.3] * T, "batch.max": {"0": largest}}) == []
    found = diagnose(
        Run.of({"loss.train": loss, "loss.chance": [2.3] * T, "batch.max": {"0": largest}}, facts=CLASSES)
    ).findings
    assert [one.id for one in found] == ["bad-batch"]  # said, as an info: the run recovered


def test_a_loss_that_rises_in_adversarial_training_is_no_divergence():
    rises = list(np.linspace(0.7, 9.0, T))
    two = {"optimizers": [{"index": 0, "kind": "Adam", "groups": []}, {"index": 1, "kind": "Adam", "groups": []}]}
    assert "learning-rate-too-high" in serious({"loss.train": rises}, {})
    assert serious({"loss.train": rises}, two) == []


def test_targets_that_grow_make_the_loss_incomparable_but_class_ids_do_not():
    grows = {"loss.train": [1.0] * T, "target.std": list(np.linspace(1, 9, T))}
    assert not progress(Run.of(grows, facts={"task": {"kind": "regression"}})).comparable
    assert progress(Run.of(grows, facts=CLASSES)).comparable


def test_an_evaluation_of_the_training_set_is_no_leak():
    seen = {
        "loss.train": FALLS,
        "batch_val.overlap": {"0": [1.0] * T},
        "batch.size": {"0": [40.0] * T},
        "batch.seen_before": {"0": [0.0] * 35 + [1.0] * (T - 35)},
        "loss.val": FALLS,
    }
    whole = [Event(35 * number, "val", "", {"examples": 1400}) for number in range(1, 8)]
    part = [Event(35 * number, "val", "", {"examples": 300}) for number in range(1, 8)]
    assert "validation-leak" not in serious(seen, events=whole)
    assert "validation-leak" in serious(seen, events=part)


def test_batches_that_are_small_are_not_ordered():
    labels = {"loss.train": FALLS, "target.entropy": [math.log(10)] * T}
    small = {"batch.size": {"0": [4.0] * T}, "target.batch_entropy": [1.2] * T}
    ordered = {"batch.size": {"0": [64.0] * T}, "target.batch_entropy": [0.3] * T}
    assert serious({**labels, **small}) == []
    assert serious({**labels, **ordered}) == ["batches-not-shuffled"]


@pytest.mark.parametrize(("batch", "classes"), [(8, 3), (64, 10), (500, 7)])
def test_expected_entropy_of_a_random_batch(batch, classes):
    """Against simulation."""
    rng = np.random.default_rng(batch)
    counts = rng.multinomial(batch, [1 / classes] * classes, size=4000) / batch
    simulated = -(counts * np.log(np.where(counts > 0, counts, 1))).sum(1).mean()
    assert expected_entropy(batch, math.log(classes)) == pytest.approx(simulated, rel=0.02)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_the_commonest_class_is_known_from_the_entropy(share):
    """Exact when the rest is spread evenly, else an upper bound."""
    rest = (1 - share) / 3
    entropy = -share * math.log(share) - 3 * rest * math.log(rest)
    run = Run.of({"target.entropy": [entropy]}, facts={"task": {"kind": "classes", "classes": 4}})
    assert majority(run) == pytest.approx(share, abs=1e-6)


def test_learning_by_heart_is_not_winning():
    known = {"loss.train": FALLS, "loss.chance": [2.3] * T}
    assert progress(Run.of(known, facts=CLASSES)).winning
    blind = Run.of(
        {**known, "loss.val": [2.5] * T, "accuracy.val": [0.1] * T, "target.entropy": [2.3] * T}, facts=CLASSES
    )
    assert not progress(blind).winning
    assert "labels-independent-of-inputs" in serious(
        {**known, "update.ratio": {"w": [1e-3] * T}, "loss.val": [2.5] * T, "target.entropy": [2.3] * T}
    )


@pytest.mark.parametrize(("loss", "severity"), [(FALLS, "info"), (FLAT, "error"), ([2.3] * 5, "info")])
def test_what_a_heuristic_may_claim(loss, severity):
    assert grade(Run.of({"loss.train": loss, "loss.chance": [2.3] * len(loss)}, facts=CLASSES), "error") == severity


def test_a_criterion_read_seldom_does_not_replace_the_loss():
    """The sign is judged at the steps that both were read at."""
    run = Run.of({"loss.train": [-2.3 - 0.1 * step for step in range(T)]}, facts=CLASSES)
    for step in (0, 1, 2):
        run.append(step, {("loss.criterion", ""): 2.3 + 0.1 * step})
    assert diagnose(run).findings[0].id == "loss-wrong-sign"
