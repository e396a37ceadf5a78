"""The rare classes are never predicted."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from . import found, rule
from ._progress import READS, progress
from ._remedies import CLASS_WEIGHTS, OUTPUT_BIAS, advice
from ._words import number, percent

SAMPLER = advice("Draw the classes equally often", "WeightedRandomSampler(1 / counts[labels], len(labels))")


@rule(
    "recall.min",
    "predicted.entropy",
    "fact:criteria",
    *READS,
    family="labels",
    explains=("loss-barely-changes", "underfitting", "loss-metric-disagree", "output-bias-off"),
)
def minority_class_ignored(run: Run, *, ratio: float = 5.0, recall: float = 0.1) -> Iterator[Finding]:
    """The classes are very unbalanced, and the network answers with the common one.

    Why it matters: always saying the commonest class gives a high accuracy and a low loss, and is useless
    for the classes that matter.

    Usual causes: a rare class with an unweighted loss and too little training.

    Told apart from: a network that has collapsed to one output on balanced data (another cause), a task
    that can't be learned, the start of training, when the common class is always learned first (the loss must have
    come to rest), and rare words among many.

    Args:
        run: reads `recall.min` (the smallest recall over classes), `predicted.entropy`, `target.entropy`.
        ratio: how many times commoner the commonest class must be than the average of the others.
        recall: smallest recall below which a class counts as ignored, through the newest half of the run.

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
    least = run.series("recall.min")
    classes = (run.fact("task") or {}).get("classes") or 2
    values = least.values[len(least) // 2 :]
    values = values[np.isfinite(values)]
    if len(values) < 5 or math.isnan(now.guess) or now.guess >= 1 or now.step < 50:
        return
    times = now.guess / ((1 - now.guess) / max(1, classes - 1))
    spoken, labels = run.last("predicted.entropy"), run.last("target.entropy")
    # rare words early in training are no finding: few classes, and a course that has come to rest
    if classes > 20 or now.slope < -3:
        return
    if times < ratio or float(np.median(values)) > recall or not spoken < 0.5 * labels:
        return
    yield found(
        severity="warning",
        stage="suspect",
        confidence=0.6,
        step=int(least.steps[len(least) // 2]),
        message=f"A rare class is ignored: its recall is {percent(float(np.median(values)))}, while the commonest class is "
        f"{number(times)} times as frequent as the others. Always answering with it already gives an accuracy of {percent(now.guess)}.",
        evidence=[
            Evidence("recall.min", "", value=float(np.median(values)), expected=f"> {recall:g}", limit=recall),
            Evidence("predicted.entropy", "", value=spoken, expected=f"about {number(labels)}"),
        ],
        remedies=[CLASS_WEIGHTS, SAMPLER, OUTPUT_BIAS],
    )
