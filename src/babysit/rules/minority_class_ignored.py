"""The rare classes are never predicted."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run, Series
from ..record.remedies import CLASS_WEIGHTS, OUTPUT_BIAS, advice
from . import found, rule
from ._network import criterion
from ._progress import READS, progress
from ._words import number, percent

SAMPLER = advice("Draw the classes equally often", "WeightedRandomSampler(1 / counts[labels], len(labels))")


@rule(
    "recall.min",
    "recall.val",
    "predicted.entropy",
    "fact:criteria",
    *READS,
    family="labels",
    explains=("loss-barely-changes", "underfitting", "loss-metric-disagree", "output-bias-off"),
)
def minority_class_ignored(
    run: Run, *, ratio: float = 5.0, recall: float = 0.1, missed: float = 0.5
) -> Iterator[Finding]:
    """The classes are very unbalanced, and the network answers with the common one.

    Why it matters: always saying the commonest class gives a high accuracy and a low loss, and is useless
    for the classes that matter.

    Usual causes: a rare class with an unweighted loss and too little training.

    A run that learns the common class well and finds less than half of the rare one is told so too, where nothing weighs
    the classes.

    Told apart from: a network that has collapsed to one output on balanced data (another cause), a task
    that can't be learned, adversaries (the classes are real and made), the start of training, when the common class is always learned first (the loss must have
    come to rest, or the training is over), and rare words among many.

    Args:
        run: reads `recall.min` and `recall.val` (the smallest recall over classes), `predicted.entropy`, `target.entropy`.
        ratio: how many times commoner the commonest class must be than the average of the others.
        recall: smallest recall below which a class counts as ignored, in the newest half of the run, or earlier and the
            accuracy has not risen above that of the commonest class since.
        missed: the same below which most of an only class beside the common one (or two, three) is missed.

    Examples:
        >>> facts = {"task": {"kind": "binary", "classes": 2}}
        >>> labels = {"target.entropy": [0.2] * 60, "loss.train": [0.3] * 60, "accuracy.train": [0.95] * 60}
        >>> sick = Run.of({**labels, "recall.min": [0.0] * 60, "predicted.entropy": [0.0] * 60}, facts=facts)
        >>> [finding.message for finding in minority_class_ignored(sick)]
        ['A rare class is ignored: its recall is 0 %, while the commonest class is 18.8 times as frequent as the others. Always answering with it already gives an accuracy of 95 %.']
        >>> list(minority_class_ignored(Run.of({**labels, "recall.min": [0.8] * 60, "predicted.entropy": [0.2] * 60}, facts=facts)))
        []

    Source:
        SageMaker Debugger (ratio 10, error of a class 0.7); TheDeepChecker (perplexity of the labels).
    """
    now = progress(run)
    least = _newest(run.series("recall.val"), run.series("recall.min"))
    classes = (run.fact("task") or {}).get("classes") or 2
    if (
        not now.comparable
        or not len(least)
        or math.isnan(now.guess)
        or now.guess >= 1
        or now.step < 50
        or least.steps[-1] < 20
    ):
        return
    late = least.values[least.steps >= 0.5 * least.steps[-1]]
    found_share = float(np.median(late[-5:]))
    flat = (now.score - now.guess) / (1 - now.guess)
    fresh = least.steps[-1] >= 0.4 * run.step
    times = now.guess / ((1 - now.guess) / max(1, classes - 1))
    spoken, labels = run.last("predicted.entropy"), run.last("target.entropy")
    # rare words early in training are no finding: few classes, and a course that has come to rest
    if classes > 20 or (now.slope < -3 and not (now.ended and (flat < 0.1 or _one_answer(run)))):
        return
    ignored = found_share <= recall and spoken < 0.5 * labels and (fresh or flat < 0.1 or _one_answer(run))
    mostly = fresh and found_share < missed and flat < 0.5 and classes <= 4 and not criterion(run).get("weighted")
    if times < ratio or not (ignored or mostly):
        return
    yield found(
        severity="warning",
        stage="suspect",
        confidence=0.6 if ignored else 0.45,
        step=int(least.steps[len(least) // 2]),
        message=f"A rare class is {'ignored' if ignored else 'mostly missed'}: its recall is {percent(found_share)}, while the commonest class is "
        f"{number(times)} times as frequent as the others. Always answering with it already gives an accuracy of {percent(now.guess)}.",
        evidence=[
            Evidence(
                "recall.min", "", value=found_share, expected=f"> {missed:g}", limit=recall if ignored else missed
            ),
            Evidence("predicted.entropy", "", value=spoken, expected=f"about {number(labels)}"),
        ],
        remedies=[CLASS_WEIGHTS, SAMPLER, OUTPUT_BIAS],
    )


def _newest(*series: Series) -> Series:
    """The one that was read last; of two that were read as late, the first."""
    return max(series, key=lambda one: one.steps[-1] if len(one) else -1)


def _one_answer(run: Run) -> bool:
    """Has validation's accuracy been one and the same figure, pass after pass, as when every answer is the same?"""
    newest = run.series("accuracy.val").tail(3)
    return len(newest) == 3 and float(np.ptp(newest)) == 0
