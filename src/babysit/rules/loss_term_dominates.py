"""One term of the loss drowns the criterion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from . import found, rule
from ._consequences import NOT_LEARNING
from ._progress import READS, grade
from ._remedies import advice
from ._words import number


@rule(
    *READS,
    family="loss",
    explains=(*NOT_LEARNING, "exploding-gradients", "learning-rate-too-high", "clipping-too-tight"),
)
def loss_term_dominates(run: Run, *, ratio: float = 100.0, least: int = 20) -> Iterator[Finding]:
    """One term of a composite loss is so large that the others don't count.

    Why it matters: the optimizer follows the sum of the gradients. A term a hundred times larger than the criterion
    decides every step, and what the criterion asks for is hardly learned.

    Usual causes: terms in different units, a penalty with a weight too large, a sum beside a mean.

    Told apart from: a small auxiliary term on purpose (the criterion itself is then the large one), a scale that
    mixed precision puts on the loss, and runs that learn well all the same.

    Args:
        run: reads `loss.train`, the whole, beside `loss.criterion`, the criterion's part of it.
        ratio: the rest over the criterion above which the rest drowns it.
        least: readings that are needed.

    Examples:
        >>> sick = Run.of({"loss.train": [2302.3] * 40, "loss.criterion": [2.3] * 40})
        >>> [finding.message for finding in loss_term_dominates(sick)]
        ['The other terms of the loss are 1000 times as large as the criterion (2.3 of 2302; limit 100): they decide every step.']
        >>> list(loss_term_dominates(Run.of({"loss.train": [2.5] * 40, "loss.criterion": [2.3] * 40})))
        []

    Source:
        Kendall et al. 2018, Multi-task learning using uncertainty to weigh losses (why terms need weighing).
    """
    own, total = run.series("loss.criterion"), run.series("loss.train")
    if len(own) < least or len(total) < least or run.has("amp.scale"):
        return
    at = np.interp(own.steps[-least:], total.steps, total.values)
    value = own.values[-least:]
    good = np.isfinite(at) & np.isfinite(value) & (np.abs(value) > 0)
    if good.sum() < least // 2:
        return
    rest = float(np.median(np.abs(at - value)[good] / np.abs(value)[good]))
    if rest < ratio:
        return
    yield found(
        severity=grade(run, "warning"),
        stage="suspect",
        confidence=0.6,
        message=f"The other terms of the loss are {number(rest)} times as large as the criterion ({number(float(value[-1]))} of {number(float(at[-1]))}; "
        f"limit {ratio:g}): they decide every step.",
        evidence=[
            Evidence("loss.criterion", "", value=float(value[-1]), expected=f"a fair part of {number(float(at[-1]))}")
        ],
        remedies=[
            advice(
                "Weigh the terms so that their gradients are of one size", "loss = criterion_loss + 0.01 * other_term"
            )
        ],
    )
