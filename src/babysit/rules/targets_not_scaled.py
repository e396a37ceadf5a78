"""Regression targets far from zero or one."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import OUTPUT_BIAS, STANDARDIZE_TARGETS
from . import found, rule
from ._consequences import BAD_START, BLOW_UP, NOT_LEARNING
from ._network import REGRESSION, kind_of_loss
from ._progress import READS, grade, progress
from ._words import number


@rule(
    "target.mean", "target.std", "fact:criteria", *READS, family="init",
    explains=(*BLOW_UP, *BAD_START, *NOT_LEARNING, "learning-rate-too-low", "clipping-too-tight", "updates-too-small"),
)  # fmt: skip
def targets_not_scaled(run: Run, *, size: float = 10.0, offset: float = 3.0) -> Iterator[Finding]:
    """The targets of a regression are far from zero mean and unit variance.

    Why it matters: a fresh network answers with numbers of size 1. The squared error and its gradient
    grow with the size of the targets, so that a usual learning rate is too large; or, with Adam, whose
    steps do not grow, the output needs |mean| / lr steps only to reach the targets' mean.

    Usual causes: prices, years, counts used in their own units.

    Told apart from: a learning rate too high in itself (the targets would be of size 1); a few extreme targets among others (at first
    their scale was another); a run that
    learns well all the same (an info).

    Args:
        run: reads `target.mean` and `target.std`.
        size: standard deviation above which (or below whose inverse) targets need scaling.
        offset: |mean| over standard deviation above which they do.

    Examples:
        >>> sick = Run.of({"target.mean": [2.1e5] * 20, "target.std": [9e4] * 20, "loss.train": [5e10] * 20},
        ...               facts={"task": {"kind": "regression"}})
        >>> [finding.message for finding in targets_not_scaled(sick)]
        ['The targets have mean 210000 and standard deviation 90000 (expected about 0 and 1): the output starts far from them, and the size of the gradient follows the size of the targets.']
        >>> list(targets_not_scaled(Run.of({"target.mean": [0.0], "target.std": [1.0]}, facts={"task": {"kind": "regression"}})))
        []

    Source:
        LeCun et al. 1998, Efficient BackProp, 4.5 (target values); Karpathy, A recipe: init well.
    """
    if (run.fact("task") or {}).get("kind") != "regression" or kind_of_loss(run) not in (*REGRESSION, ""):
        return
    mean, sd = run.last("target.mean"), run.last("target.std")
    if sd > 30 * run.series("target.std").first > 0:
        return  # the scale is that of a few targets that came later
    large, small = sd > size, 0 < sd < 1 / (10 * size) and abs(mean) < 1 / size
    shifted = sd > 0 and abs(mean) / sd > offset and abs(mean) > 1 and not _met(run, mean, sd)
    if not (large or small or shifted) or not math.isfinite(mean):
        return
    now = progress(run)
    yield found(
        # a scale is a fact: far beyond 1 it is told to a run that learns as well
        severity="warning" if sd > 10 * size and now.readings >= 10 else grade(run, "warning"),
        stage="suspect",
        confidence=(0.5 if sd > 10 * size else 0.2) if now.winning else 0.85 if large else 0.7 if shifted else 0.5,
        message=f"The targets have mean {number(mean)} and standard deviation {number(sd)} (expected about 0 and 1): "
        "the output starts far from them, and the size of the gradient follows the size of the targets.",
        evidence=[
            Evidence("target.std", "", value=sd, expected="about 1", limit=size),
            Evidence("target.mean", "", value=mean, expected="about 0"),
        ],
        remedies=[STANDARDIZE_TARGETS, OUTPUT_BIAS],
    )


def _met(run: Run, mean: float, sd: float) -> bool:
    """Does the output begin where the targets are (a bias that was set to their mean)?"""
    output = run.series("output.mean")
    return len(output) > 0 and abs(output.first - mean) < sd
