"""Hardly any step was made."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from . import found, rule
from ._progress import READS, progress
from ._remedies import LONGER, SMALLER_BATCH
from ._words import number


@rule(
    "fact:epochs", "batch.size", *READS, family="rate", needs_end=True, explains=("underfitting", "loss-barely-changes")
)
def too_few_updates(run: Run, *, least: int = 100, length: int = 4) -> Iterator[Finding]:
    """The training ended after so few updates that it had hardly begun.

    Why it matters: what counts is the number of steps, not of epochs. With batches as large as the data, fifty epochs
    are fifty steps.

    Usual causes: a very large batch, too few epochs.

    Told apart from: a run that had learned by then, or no longer got better; a short try on purpose (an info unless
    the batch takes up a quarter of the data and more).

    Args:
        run: reads the number of steps, the slope at the end, and the fact `epochs`.
        least: updates below which a training is short.
        length: steps per epoch at or below which the batch is large.

    Examples:
        >>> from babysit.record import Event
        >>> loss = {"loss.train": [2.3 - 0.01 * step for step in range(40)], "loss.chance": [2.3] * 40}
        >>> sick = Run.of(loss, facts={"epochs": {"length": 1}}, events=[Event(39, "end")])
        >>> [finding.message for finding in too_few_updates(sick)]
        ['Only 39 updates were made, and the loss was still falling at the end (2.29 to 1.92): an epoch is only 1 step long.']
        >>> list(too_few_updates(Run.of({"loss.train": [2.3 * 0.9 ** step for step in range(400)]}, events=[Event(399, "end")])))
        []

    Source:
        Google's tuning playbook: batch size and the number of steps; best step in the last quarter.
    """
    now = progress(run)
    if (
        not now.ended
        or now.readings < 5
        or run.step >= least
        or now.winning
        or not now.comparable
        or not (now.slope < -3 or (math.isnan(now.slope) and now.first - now.last > 5 * now.noise))
    ):
        return
    per_epoch = (run.fact("epochs") or {}).get("length") or 0
    large = 0 < per_epoch <= length
    yield found(
        severity="warning" if large else "info",
        stage="suspect",
        confidence=0.6 if large else 0.25,
        step=run.step,
        message=f"Only {run.step} updates were made, and the loss was still falling at the end ({number(now.first)} to {number(now.last)})"
        + (f": an epoch is only {per_epoch} step{'s' if per_epoch > 1 else ''} long." if large else "."),
        evidence=[Evidence("loss.train", "", run.step, now.last, "no longer falling")],
        remedies=[SMALLER_BATCH, LONGER] if large else [LONGER],
    )
