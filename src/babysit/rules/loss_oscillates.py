"""The loss goes up and down with every step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import LARGER_BATCH, LOWER_LR, LOWER_LR_3
from . import found, rule
from ._network import update_ratios
from ._progress import READS, grade, judged, progress
from ._words import number, percent


@rule("update.ratio", *READS, family="symptom")
def loss_oscillates(run: Run, *, limit: float = -0.5, size: float = 0.1, least: int = 40) -> Iterator[Finding]:
    """The loss jumps up and down from step to step around a level that does not fall.

    Why it matters: steps that overshoot the valley land on its other side, again and again.

    Usual causes: a learning rate a little too high; batches that alternate between kinds of examples.

    Told apart from: the noise of small batches, where one step does not tell the next (here a high value is followed
    by a low one: a lag-one correlation of -0.5 or less), and runs that learn.

    Args:
        run: reads the newest half of the losses.
        limit: correlation of neighbouring losses below which they alternate.
        size: swing, as a share of the level, that matters.
        least: readings that are needed.

    Examples:
        >>> sick = Run.of({"loss.train": [2.0, 3.0] * 40, "loss.chance": [2.3] * 80})
        >>> [finding.message for finding in loss_oscillates(sick)]
        ['The loss swings by 20 % of its level 2.5, up and down in turn (correlation of neighbours -0.975), and does not fall: steps overshoot.']
        >>> list(loss_oscillates(Run.of({"loss.train": [2.3 - 0.01 * step for step in range(80)], "loss.chance": [2.3] * 80})))
        []

    Source:
        For a quadratic loss the error is multiplied by 1 - lr·curvature at each step: below 0 it alternates.
    """
    now, loss = progress(run), judged(run)
    values = loss.values[np.isfinite(loss.values)][-200:]
    if now.readings < least or not now.comparable or now.learning:
        return
    values = values[len(values) // 2 :] if len(values) < 200 else values
    dense = len(loss) > 1 and float(np.median(np.diff(loss.steps[-50:]))) == 1
    swing = float(np.std(values)) / max(abs(float(np.median(values))), 1e-12)
    moved = values - values.mean()
    power = float(np.dot(moved, moved))
    if not dense or power <= 0 or swing < size:
        return
    lag = float(np.dot(moved[1:], moved[:-1])) / power
    if lag > limit:
        return
    ratios = list(update_ratios(run).values())
    ratio = float(np.median(ratios)) if ratios else float("nan")
    yield found(
        severity=grade(run, "warning"),
        stage="symptom",
        confidence=0.35,
        step=int(loss.steps[len(loss) // 2]),
        message=f"The loss swings by {percent(swing)} of its level {number(now.last)}, up and down in turn (correlation of neighbours {number(lag)}), and does not fall: steps overshoot.",
        evidence=[
            Evidence("loss.train", "", now.step, lag, f"> {limit:g}"),
            Evidence("update.ratio", None, now.step, ratio, "about 1e-3"),
        ],
        remedies=[LOWER_LR_3, LOWER_LR, LARGER_BATCH],
    )
