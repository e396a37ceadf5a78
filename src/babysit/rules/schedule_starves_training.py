"""The schedule lets the learning rate run out, or never lets it come."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import CONSTANT_LR
from . import found, rule
from ._network import source, update_ratios
from ._progress import READS, grade, progress
from ._words import number, percent


@rule(
    "lr",
    "calls.scheduler",
    "fact:epochs",
    *READS,
    family="rate",
    explains=(
        "updates-too-small",
        "loss-barely-changes",
        "underfitting",
        "learning-rate-too-low",
        "too-few-updates",
        "weights-unchanged",
        "decay-only-updates",
        "vanishing-gradients",
    ),
)
def schedule_starves_training(run: Run, *, low: float = 0.01, share: float = 0.4, least: int = 30) -> Iterator[Finding]:
    """The schedule lets the learning rate run out long before the training ends.

    Why it matters: once the rate is a hundredth of its peak nothing is learned any more, however long it goes on.

    Usual causes: a scheduler meant for epochs that is stepped every batch, a decay factor too small, a horizon
    (`T_max`, `total_steps`) that is too short.

    Told apart from: the end of a cosine or of step decay, which is low only for a small part of the run; a rate too
    low from the start; a run that has learned by then (an info).

    Args:
        run: reads `lr` over the steps, and `calls.scheduler`.
        low: part of the peak below which the rate counts as run out.
        share: share of the steps so far for which it may be so.
        least: steps that are needed.

    Examples:
        >>> rates = [0.1 * 0.8 ** step for step in range(200)]
        >>> sick = Run.of({"lr": rates, "loss.train": [2.3] * 200, "calls.scheduler": {"0": [1.0] * 200}})
        >>> [finding.message for finding in schedule_starves_training(sick)]
        ['The schedule starves the training: the learning rate fell from 0.1 to 5.19e-21, and has been below 1 % of its peak since step 21 of 199. The scheduler is stepped after every batch.']
        >>> list(schedule_starves_training(Run.of({"lr": [0.1] * 200, "loss.train": [2.3] * 200})))
        []

    Source:
        torch.optim.lr_scheduler: most schedulers count epochs; Karpathy's list of common mistakes.
    """
    rates, now = run.series("lr"), progress(run)
    good = np.isfinite(rates.values)
    steps, values = rates.steps[good], rates.values[good]
    if not len(values) or run.step < least:
        return
    steps, values = _carried_on(run, steps, values)
    peak = float(values.max())
    low = 1e-4 if now.winning else low  # then only a rate at which nothing moves any more
    if peak == 0 and not any((series.values > 0).any() for _, series in run.each("calls.scheduler")):
        return  # nothing was scheduled: the weights can't change
    if peak == 0:
        yield _say(run, "error", 0.95, 0, "the learning rate has been 0 from the start", 0.0, "> 0")
        return
    if _warms_up_for_ever(run, steps, values) and not now.learning:
        yield _say(run, grade(run, "warning"), 0.75, 1, f"the learning rate was still rising at the end, from {number(float(values[0]))} to "
                   f"{number(float(values[-1]))}: the warm-up is longer than the run", float(values[-1]), "risen within the first tenth")  # fmt: skip
        return
    out = values < low * peak
    if peak < 0 or not out[-1] or out.all():
        return
    start = int(np.flatnonzero(~out)[-1]) + 1
    begin = int(steps[start])
    part = (run.step - begin) / max(1, run.step)
    if part < share or run.step - begin < least // 2:
        return
    each = any(float(np.median(series.tail(20))) >= 1 for _, series in run.each("calls.scheduler"))
    length = (run.fact("epochs") or {}).get("length") or 0
    why = (
        ". The scheduler is stepped after every batch" + (f" ({length} times an epoch)" if length > 1 else "")
        if each
        else ""
    )
    yield _say(run, "warning" if now.winning else grade(run, "warning"), 0.85, begin, f"the learning rate fell from {number(peak)} to {number(float(values[-1]))}, and has been below {percent(low)} of its "
               f"peak since step {begin} of {run.step}{why}", float(values[-1]), f"near {number(peak)}")  # fmt: skip


def _say(run: Run, severity: str, sure: float, begin: int, text: str, value: float, expected: str) -> Finding:
    return found(
        severity=severity, stage="suspect", confidence=sure, step=begin, source=source(run, "step"),
        message=f"The schedule starves the training: {text}.",
        evidence=[Evidence("lr", "", run.step, value, expected)], remedies=[CONSTANT_LR],
    )  # fmt: skip


def _warms_up_for_ever(run: Run, steps: np.ndarray, values: np.ndarray) -> bool:
    """Has the rate only ever risen, many times over, until the training was over?"""
    if not run.events_of("end") or len(values) < 5 or steps[-1] < 0.5 * run.step or not values[0] > 0:
        return False
    return (
        bool((np.diff(values) >= 0).all())
        and float(values[-1]) > (10 if _moves(run) else 1.05) * float(values[0])
        and float(values[-1]) > float(values[-2])
    )


def _moves(run: Run) -> bool:
    """Do steps change the weights at all (more than a hundredth of the usual 1e-3)?"""
    ratios = list(update_ratios(run).values())
    return not ratios or float(np.median(ratios)) > 1e-5


def _carried_on(run: Run, steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A rate that shrinks by one factor with every step, carried on to now where it was last read long ago."""
    late = run.step - int(steps[-1])
    each = any(float(np.median(series.tail(20))) >= 1 for _, series in run.each("calls.scheduler"))
    if late < 10 or len(values) < 8 or not each or not (values[-8:] > 0).all() or (np.diff(steps[-8:]) != 1).any():
        return steps, values
    factors = values[-7:] / values[-8:-1]
    if float(np.ptp(factors)) > 1e-3 or not factors[-1] < 1:
        return steps, values
    more = np.unique(np.linspace(steps[-1] + 1, run.step, 50).astype(int))
    return np.concatenate([steps, more]), np.concatenate(
        [values, values[-1] * float(factors[-1]) ** (more - steps[-1])]
    )
