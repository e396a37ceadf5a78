"""Parameters that have gradients and never change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import ALL_PARAMETERS, RAISE_LR_100
from . import found, rule
from ._consequences import NOT_LEARNING
from ._network import adaptive, parameter, recent, source
from ._words import listed, number


@rule(
    "update.zero",
    "gradient.norm",
    "gradient.rms",
    "weight.rms",
    "update.skipped",
    "lr",
    "fact:parameters",
    "fact:optimizers",
    family="coverage",
    explains=(*NOT_LEARNING, "updates-too-small"),
)
def weights_unchanged(run: Run, *, least: int = 3) -> Iterator[Finding]:
    """Parameters never change, though they have gradients and an optimizer.

    Why it matters: a step that leaves a weight exactly as it was teaches nothing.

    Usual causes: a learning rate of 0 in the parameter's group, a learning rate so small that the change is
    below the last digit of float32 (6e-8 of the weight), weights that are overwritten after every step, a copy that is
    trained instead.

    Told apart from: frozen parameters and those in no optimizer (another finding), steps that mixed precision skips,
    zero gradients, and steps of plain SGD that lie below the last digit of the weight because the gradient has vanished
    (lr·|g| below 1e-6·|w|): that is another finding.

    Args:
        run: reads `update.zero`, 1 where a step changed nothing at all, and `gradient.norm`.
        least: consecutive readings that are needed.

    Examples:
        >>> sick = Run.of({"update.zero": {"0.weight": [1.0] * 4}, "gradient.norm": {"0.weight": [0.3] * 4}, "lr": [1e-12] * 4})
        >>> [finding.message for finding in weights_unchanged(sick)]
        ['1 of 1 parameters do not change by a single bit, though they have gradients: 0.weight; the learning rate is 1e-12.']
        >>> list(weights_unchanged(Run.of({"update.zero": {"0.weight": [0.0] * 4}, "gradient.norm": {"0.weight": [0.3] * 4}})))
        []

    Source:
        An exact fact (the weight before and after the step).
    """
    stuck, looked = [], 0
    for where, series in run.each("update.zero"):
        facts = parameter(run, where)
        if facts and (not facts.get("optimizer") or not facts.get("requires_grad", True)):
            continue
        gradient = run.series("gradient.norm", where).values
        if len(series) < least or len(gradient) < least:
            continue
        looked += 1
        if _too_small_to_tell(run, where):
            continue
        if (series.values[-least:] == 1).all() and (gradient[-least:] > 0).all():
            stuck.append(where)
    if not stuck or any(np.median(series.tail(least)) > 0 for _, series in run.each("update.skipped")):
        return
    rate, peak = run.last("lr"), float(np.max(run.series("lr").values, initial=0.0))
    small = rate < 1e-6
    if small and peak > 1e3 * rate:
        return  # it moved while the rate was there: the schedule's doing
    everything = len(stuck) == looked
    why = (
        f"the learning rate is {number(rate)}"
        if small
        else "they are put back after each step, or another copy is trained"
    )
    yield found(
        severity="error" if everything else "warning",
        stage="confirmed",
        confidence=(0.6 if small else 0.9) if everything else 0.6,
        step=int(run.series("update.zero", stuck[0]).steps[0]),
        where=stuck[0],
        source=source(run, "optimizer"),
        message=f"{len(stuck)} of {looked} parameters do not change by a single bit, though they have gradients: {listed(stuck)}; {why}.",
        evidence=[
            Evidence("update.zero", stuck[0], value=1.0, expected="0"),
            Evidence("lr", "", value=rate, expected="> 0"),
        ],
        remedies=[RAISE_LR_100 if small else ALL_PARAMETERS],
        explains=("learning-rate-too-low", *NOT_LEARNING, "updates-too-small")
        if not small
        else (*NOT_LEARNING, "updates-too-small"),
    )


def _too_small_to_tell(run: Run, where: str) -> bool:
    """Is the expected change, lr·|g|, below the last digit of float32 though the rate is not at fault?"""
    rate = run.last("lr")
    size, slope = (recent(run, what, 5, iter([where])).get(where) for what in ("weight.rms", "gradient.rms"))
    return bool(rate >= 1e-6 and not adaptive(run) and size and slope is not None and rate * slope < 1e-6 * size)
