"""Hardly any step was made."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import LONGER, RAISE_LR, SMALLER_BATCH
from . import found, rule
from ._network import update_ratios
from ._progress import READS, progress
from ._words import number, percent


@rule(
    "fact:epochs",
    "event:val",
    "batch.size",
    "batch.repeats",
    "update.ratio",
    *READS,
    family="rate",
    needs_end=True,
    explains=("underfitting", "loss-barely-changes"),
)
def too_few_updates(
    run: Run, *, least: int = 100, length: int = 4, good: float = 0.8, moved: float = 0.3
) -> Iterator[Finding]:
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
        good: skill (0 a guess, 1 perfect) above which a run with large batches has had enough of them all the same.
        moved: way of the weights, in parts of their size (steps times update ratio), short of which nothing can be learned.

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
    per_epoch = (run.fact("epochs") or {}).get("length") or _between_validations(run)
    large = 0 < per_epoch <= length or _whole(run)
    if not now.ended or now.readings < 5 or not now.comparable or now.relapsed:
        return
    falling = now.slope < -3 or (math.isnan(now.slope) and now.first - now.last > 3 * now.noise)
    way = float(np.median(list(update_ratios(run).values()) or [math.nan])) * run.step
    short = run.step < least and falling and not (now.winning and (not large or now.skill > good))
    idle = run.step <= 2 * least and not now.learning and 3e-4 * run.step < way < moved
    if not (short or idle):
        return
    told = large or idle
    yield found(
        severity="warning" if told else "info",
        stage="suspect",
        confidence=0.6 if large else 0.5 if idle else 0.25,
        step=run.step,
        message=f"Only {run.step} updates were made, and "
        + (
            f"the loss was still falling at the end ({number(now.first)} to {number(now.last)})"
            if falling
            else f"all of them together moved the weights by at most {percent(way)} of their size"
        )
        + (f": an epoch is only {per_epoch or 1} step{'s' if per_epoch > 1 else ''} long." if large else "."),
        evidence=[Evidence("loss.train", "", run.step, now.last, "no longer falling")],
        remedies=[SMALLER_BATCH, LONGER] if large else [LONGER, RAISE_LR],
    )


def _whole(run: Run) -> bool:
    """Is every batch all of the data (each step sees what the one before saw), and could it be cut into ten?"""
    again = run.series("batch.repeats", "0").values
    return len(again) >= 3 and float(np.median(again)) > 0.99 and run.last("batch.size", "0") >= 1000


def _between_validations(run: Run) -> int:
    """Steps from one validation pass to the next, 0 where there are fewer than three."""
    steps = sorted({event.step for event in run.events_of("val")})
    return int(np.median(np.diff(steps))) if len(steps) >= 3 else 0
