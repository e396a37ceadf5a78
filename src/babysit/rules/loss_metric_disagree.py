"""The loss falls, the score does not move."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import BCE, CROSS_ENTROPY
from . import found, rule
from ._network import REGRESSION, criterion, kind_of_loss
from ._progress import READS, progress
from ._words import number, percent


@rule(
    "target.integers",
    "target.classes_seen",
    "target.row_sum_error",
    "target.mean",
    "target.std",
    "target.min",
    "target.max",
    "fact:criteria",
    *READS,
    family="loss",
    explains=("underfitting", "minority-class-ignored", "targets-not-scaled", "overfitting", "initial-loss-off"),
)
def loss_metric_disagree(run: Run, *, fall: float = 0.3, gain: float = 0.05) -> Iterator[Finding]:
    """The loss does not measure what is wanted: it falls while the score stays, or it does not fit the targets.

    Why it matters: training makes the loss small, nothing else. A squared error on class numbers says that class 2 lies
    between 1 and 3; cross-entropy on several labels at once says that they exclude each other.

    Usual causes: MSE on class ids, cross-entropy for several labels per example, a criterion taken from another task.

    Told apart from: the beginning of training, when the score lags behind; counts and ratings, which are whole numbers
    with an order (the score R² tells); soft labels, whose rows sum to 1.

    Args:
        run: reads the loss, the score, and what the targets are.
        fall: share that the loss must have lost.
        gain: share of the way from a constant guess to perfect that the score must have gained.

    Examples:
        >>> facts = {"criteria": [{"kind": "MSELoss"}], "task": {"kind": "regression"}}
        >>> ids = {"target.integers": [1.0] * 30, "target.classes_seen": [10.0] * 30, "r2.train": [0.3] * 30}
        >>> sick = Run.of({**ids, "loss.train": [20.0] * 5 + [6.0] * 25}, facts=facts)
        >>> [finding.message for finding in loss_metric_disagree(sick)]
        ['All targets are whole numbers, only 10 different ones: class ids? MSELoss treats them as quantities, as if class 2 lay between 1 and 3.']
        >>> list(loss_metric_disagree(Run.of({"target.integers": [0.0] * 30, "loss.train": [1.0] * 30}, facts=facts)))
        []

    Source:
        TheDeepChecker (correlation of loss and metric); CS231n, Training Neural Networks I: choose the loss.
    """
    now, kind = progress(run), kind_of_loss(run)
    off = run.last("target.row_sum_error")
    if kind == "crossentropy" and off > 0.5:
        yield _say(
            run, "error", "confirmed", 0.95, "target.row_sum_error", off, "0",
            f"CrossEntropyLoss gets targets with several labels at once (a row sums to {number(1 + off)}, expected 1): it wants exactly one class per example.", [BCE],
        )  # fmt: skip
        return
    seen = run.last("target.classes_seen")
    if (
        kind in REGRESSION
        and run.last("target.integers", "", 0.0) >= 1
        and 2 <= seen <= 100
        and now.step >= 20
        and (_ids(run, int(seen)) or not now.skill > 0.8)
    ):
        binary = seen == 2
        ids = not binary and _ids(run, int(seen))
        yield _say(
            run, "info" if binary or (now.winning and not ids) else "warning", "suspect", 0.3 if binary else 0.75, "target.classes_seen", seen, "many, not whole numbers",
            f"All targets are whole numbers, only {int(seen)} different ones: class ids? {criterion(run).get('kind', 'A squared error')} treats them as "
            "quantities, as if class 2 lay between 1 and 3.", [CROSS_ENTROPY],
        )  # fmt: skip
        return
    scores = run.series("accuracy.train")
    if now.readings < 50 or len(scores) < 10 or math.isnan(now.guess) or not now.comparable:
        return
    flat = (float(np.median(scores.tail(5))) - now.guess) / (1 - now.guess) < gain
    if (
        now.fell > fall
        and flat
        and now.first - now.last > 5 * now.noise
        and not now.last < 0.7 * now.chance
        and kind not in ("crossentropy", "nll", "bcewithlogits", "bce")
    ):
        yield _say(
            run, "warning", "symptom", 0.4, "accuracy.train", now.score, f"above {percent(now.guess)}",
            f"The loss fell by {percent(now.fell)}, but the accuracy is still {percent(now.score)}, that of a constant guess: the loss does not measure what the score does.", [CROSS_ENTROPY],
        )  # fmt: skip


def _ids(run: Run, seen: int) -> bool:
    """Are the targets 0..K-1, each about as frequent? Counts and ratings crowd round a middle; class ids don't."""
    mean, sd = run.last("target.mean"), run.last("target.std")
    even = math.sqrt((seen * seen - 1) / 12)
    return (
        seen >= 3
        and run.last("target.min") == 0
        and run.last("target.max") == seen - 1
        and abs(sd - even) < 0.1 * even
        and abs(mean - (seen - 1) / 2) < 0.2 * even
    )


def _say(
    run: Run, severity: str, stage: str, sure: float, what: str, value: float, expected: str, text: str, remedies: list
) -> Finding:
    return found(
        severity=severity,
        stage=stage,
        confidence=sure,
        source=criterion(run).get("source"),
        message=text,
        evidence=[Evidence(what, "", value=value, expected=expected)],
        remedies=remedies,
    )
