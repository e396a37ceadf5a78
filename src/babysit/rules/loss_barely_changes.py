"""The loss stays where it began."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import ADAM, RAISE_LR
from . import found, rule
from ._progress import READS, grade, progress
from ._words import number, percent


@rule(*READS, family="symptom")
def loss_barely_changes(run: Run, *, change: float = 0.02, least: int = 100) -> Iterator[Finding]:
    """The loss barely changes.

    Why it matters: a hundred steps should show something. Where nothing moves, more of the same won't help.

    Usual causes: a learning rate too low; no gradient, or none that arrives; labels that have nothing to do with the
    inputs. This is the symptom: where the cause is found, it is named instead.

    Told apart from: a run that had learned before it was watched (better than chance), a loss that is not
    comparable from step to step (adversarial, bootstrapped: silent).

    Args:
        run: reads the loss from its start on, and whether the accuracy rises all the same.
        change: share of its start that the level must have moved, beyond noise.
        least: steps that are needed.

    Examples:
        >>> sick = Run.of({"loss.train": [2.303, 2.302] * 100})
        >>> [finding.message for finding in loss_barely_changes(sick)]
        ['The loss barely changes: 2.3 at the start, 2.3 after 199 steps (0.022 %).']
        >>> list(loss_barely_changes(Run.of({"loss.train": [2.3 * 0.99 ** step for step in range(200)]})))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: "loss barely changing".
    """
    now = progress(run)
    if (
        now.readings < 30
        or now.step < least
        or not now.comparable
        or now.learning
        or now.skill > 0.1
        or not now.first > 0
    ):
        return
    moved = abs(now.first - now.last)
    if moved > max(change * now.first, 2 * now.noise):
        return
    score = run.series("accuracy.train").values
    rises = len(score) >= 6 and float(np.median(score[-3:]) - np.median(score[:3])) > 0.05
    chance = f"; chance is {number(now.chance)}" if not math.isnan(now.chance) else ""
    yield found(
        severity=grade(run, "warning"),
        stage="symptom",
        confidence=0.15,
        step=1,
        message=f"The loss barely changes: {number(now.first)} at the start, {number(now.last)} after {now.step} steps ({percent(moved / now.first)}{chance})."
        + (
            f" The accuracy rises all the same, from {percent(float(score[0]))} to {percent(float(score[-1]))}: the steps go the right way, and are too short."
            if rises
            else ""
        ),
        evidence=[Evidence("loss.train", "", now.step, now.last, f"well below {number(now.first)}")],
        remedies=[RAISE_LR, ADAM],
    )
