"""The learning rate is too low."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import ADAM, RAISE_LR, RAISE_LR_100
from . import found, rule
from ._network import parameter, source, update_ratios
from ._progress import READS, Progress, grade, progress
from ._words import number, percent


@rule(
    "update.ratio",
    "lr",
    *READS,
    family="rate",
    explains=(
        "updates-too-small",
        "loss-barely-changes",
        "underfitting",
        "too-few-updates",
        "weights-unchanged",
        "output-ignores-input",
        "vanishing-gradients",
    ),
)
def learning_rate_too_low(run: Run, *, moved: float = 0.05, least: int = 50) -> Iterator[Finding]:
    """The learning rate is too low: the loss barely changes.

    Why it matters: with steps that small, all of them together can't carry the weights to where they should be. The
    accuracy may rise all the same, since it only asks on which side of the boundary an example lies.

    Usual causes: a rate copied from fine-tuning, a unit slip (1e-6 for 1e-3), SGD with a rate meant for Adam.

    Told apart from: a plateau (the steps there are of normal size), vanished gradients (the first layers only), a
    schedule that has run out (unless its highest rate all along would not have been enough), warm-up (it still rises), a run that has learned.

    Args:
        run: reads `update.ratio` and the loss. Steps x ratio bounds how far the weights can have moved.
        moved: share of their size that the weights can have moved at most, for the rate to be at fault.
        least: steps that are needed.

    Examples:
        >>> slow = {"loss.train": [2.303 - 1e-5 * step for step in range(200)], "lr": [1e-7] * 200}
        >>> sick = Run.of({**slow, "update.ratio": {"0.weight": [2e-7] * 200}})
        >>> [finding.message for finding in learning_rate_too_low(sick)]
        ['The learning rate (1e-07) is too low: in 199 steps the loss went from 2.3 to 2.3 (0.082 %). A step changes the weights by 2e-07 of their size (expected about 0.001), all of them together by at most 0.004 %.']
        >>> list(learning_rate_too_low(Run.of({**slow, "update.ratio": {"0.weight": [1e-3] * 200}})))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: "loss barely changing: learning rate is probably too low". The
        bound on the way is the triangle inequality.
    """
    now = progress(run)
    ratios = _of_drawn_weights(run)
    rates = run.series("lr").values
    if not ratios or now.readings < 10 or now.step < least or now.winning or not now.comparable:
        return
    decayed = _decayed(rates)
    ratio = _highest(run, ratios) if decayed else float(np.median(list(ratios.values())))
    way = ratio * now.step
    if _rising(rates) or (decayed and way >= moved):
        return
    if not _stuck(now) or way > 10 * moved or ratio > 3e-4:
        return
    certain = way < moved or ratio < 1e-5
    if not certain and not (now.slope < -2):
        return
    score, gained = run.series(now.score_name or "accuracy.train").values, ""
    if len(score) >= 5 and float(np.median(score[-3:]) - np.median(score[:3])) > 0.05:
        gained = f" The score rises all the same, from {number(float(score[0]))} to {number(float(score[-1]))}."
    yield found(
        severity=grade(run, "warning"),
        stage="suspect",
        confidence=0.8 if certain else 0.5,
        step=1,
        source=source(run, "step"),
        message=f"The learning rate{f' ({number(float(rates[-1]))})' if len(rates) else ''} is too low: in {now.step} steps the loss went from {number(now.first)} to "
        f"{number(now.last)} ({percent(now.fell)}). A step changes the weights by {number(ratio)} of their size (expected about 0.001), all of them together by at most {percent(min(way, 1.0))}.{gained}",
        evidence=[
            Evidence("update.ratio", None, now.step, ratio, "about 1e-3", 1e-5),
            Evidence("loss.train", "", now.step, now.last, f"well below {number(now.first)}"),
        ],
        remedies=[RAISE_LR_100, RAISE_LR, ADAM] if ratio < 1e-5 else [RAISE_LR, RAISE_LR_100, ADAM],
    )  # fmt: skip


def _stuck(now: Progress) -> bool:
    if not math.isnan(now.skill):
        return now.skill < 0.3
    return now.fell < 0.2


def _of_drawn_weights(run: Run) -> dict[str, float]:
    """Newest update ratios of the matrices that did not start as one constant: of what began at zero each step is a large part."""
    found = update_ratios(run)
    drawn = {
        where: value for where, value in found.items() if not (parameter(run, where).get("start") or {}).get("constant")
    }
    return drawn or found


def _highest(run: Run, places: Iterable[str]) -> float:
    """The largest update ratio of the whole run, median over these matrices."""
    return float(np.median([np.max(run.series("update.ratio", where).values) for where in places]))


def _rising(rates: np.ndarray) -> bool:
    """Is the rate still in warm-up?"""
    return len(rates) >= 2 and bool(rates[-1] > 1.05 * rates[len(rates) // 2] and rates[-1] >= rates.max())


def _decayed(rates: np.ndarray) -> bool:
    """Has a schedule brought the rate far below its peak?"""
    return len(rates) >= 2 and bool(rates[-1] < 0.1 * rates.max())
