"""One batch that is unlike the others throws the loss off."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run, Series
from ..record.remedies import CLIP, advice
from . import found, rule
from ._network import is_matrix
from ._progress import judged, progress, spread
from ._words import number

INSPECT = advice("Look at that batch, and repair or drop what is in it")


@rule(
    "batch.max",
    "batch.std",
    "batch.min",
    "target.max",
    "loss.train",
    "loss.criterion",
    "gradient.total",
    "update.ratio",
    "fact:parameters",
    "fact:optimizers",
    "calls.backward",
    family="data",
    explains=(
        "exploding-gradients",
        "loss-oscillates",
        "loss-not-finite",
        "learning-rate-too-high",
        "saturated-units",
        "updates-too-large",
        "loss-barely-changes",
        "dead-relu",
    ),
)
def bad_batch(run: Run, *, times: float = 10.0) -> Iterator[Finding]:
    """A batch with extreme values throws the loss off.

    Why it matters: one wrong unit or broken record gives a gradient as large as that of all the others.

    Usual causes: outliers, sentinel values such as 9999 for "missing", a corrupt file.

    Told apart from: a learning rate too high, where the loss jumps on ordinary batches and rises over several steps; here the
    batch itself is far outside of all others, at the step at which the loss jumps, or the loss is a thousand times as high
    from one step to the next, after steps of ordinary size.

    Args:
        run: reads the largest and smallest value and the standard deviation of the batches, beside the loss.
        times: distance from the median, in robust standard deviations of all batches, that counts as extreme.

    Examples:
        >>> sizes, loss = [3.0, 3.1, 2.9, 3.2] * 6, [1.0, 1.1, 0.9, 1.0] * 6
        >>> sizes[14], loss[14] = 9999.0, 400.0
        >>> [finding.message for finding in bad_batch(Run.of({"batch.max": {"0": sizes}, "loss.train": loss}))]
        ['The batch at step 14 is unlike the others (batch.max is 9999, usually 3.1), and the loss jumps there to 400 (usually 1).']
        >>> list(bad_batch(Run.of({"batch.max": {"0": [3.0, 3.1, 2.9, 3.2] * 6}, "loss.train": loss})))
        []

    Source:
        Robust statistics of the run's own batches (median and median absolute deviation).
    """
    loss = judged(run)
    finite = loss.values[np.isfinite(loss.values)]
    if len(finite) < 12:
        return
    usual = float(np.median(finite))
    yield from _jump(run, loss)
    high = usual + 10 * max(spread(finite), 0.05 * abs(usual))
    for what in ("batch.max", "batch.min", "batch.std", "target.max"):
        for where, series in run.each(what):
            values = series.values
            if len(values) < 12 or not np.isfinite(values).all():
                continue
            middle = float(np.median(values))
            far = np.abs(values - middle) > times * max(spread(values), 0.1 * abs(middle), 1e-9)
            if not 0 < far.sum() <= max(1, len(values) // 50):
                continue
            for index in np.flatnonzero(far):
                at = np.searchsorted(loss.steps, series.steps[index])
                first = (
                    at < 5 and float(np.median(loss.values[at : at + 5])) > 2 * usual
                )  # high as every loss at the start
                if (
                    not first
                    and at < len(loss)
                    and loss.steps[at] == series.steps[index]
                    and not loss.values[at] <= high
                ):
                    lasting = not progress(run).learning
                    yield found(
                        severity="warning" if lasting else "info",
                        stage="suspect",
                        confidence=0.6 if lasting else 0.2,
                        step=int(series.steps[index]),
                        message=f"The batch at step {int(series.steps[index])} is unlike the others ({what} is {number(float(values[index]))}, usually "
                        f"{number(middle)}), and the loss jumps there to {number(float(loss.values[at]))} (usually {number(usual)}).",
                        evidence=[
                            Evidence(
                                what, where, int(series.steps[index]), float(values[index]), f"about {number(middle)}"
                            )
                        ],
                        remedies=[INSPECT, CLIP],
                    )
                    return


def _jump(run: Run, loss: Series, *, times: float = 1000.0, calm: float = 3.0, least: int = 5) -> Iterator[Finding]:
    """From one step to the next, out of calm, the loss is thousands of times as high: no step did that, but the batch."""
    values = loss.values
    before = np.maximum.accumulate(np.nan_to_num(values, nan=np.inf))
    jumps = np.flatnonzero((values[1:] > times * before[:-1]) & (before[:-1] > 0)) + 1
    jumps = jumps[jumps >= least]
    if not len(jumps) or (values < 0).any():
        return
    at = int(jumps[0])
    usual, previous = float(np.median(values[max(0, at - 50) : at])), float(values[at - 1])
    if (
        previous > calm * usual
        or loss.steps[at] - loss.steps[at - 1] > 1
        or _moved_before(run, int(loss.steps[at])) > 0.1
    ):
        return
    yield found(
        severity="error" if not progress(run).learning else "warning",
        stage="suspect",
        confidence=0.7,
        step=int(loss.steps[at]),
        message=f"The batch at step {int(loss.steps[at])} is unlike the others: the loss jumps from {number(previous)} to {number(float(values[at]))} "
        "from one step to the next, where nothing had stirred before. What follows comes of that step.",
        evidence=[Evidence("loss.train", "", int(loss.steps[at]), float(values[at]), f"about {number(usual)}", times * usual)],
        remedies=[INSPECT, CLIP],
    )  # fmt: skip


def _moved_before(run: Run, step: int) -> float:
    """The largest update ratio of a weight matrix at the newest look before a step."""
    ratios = [
        float(series.values[series.steps < step][-1])
        for where, series in run.each("update.ratio")
        if is_matrix(run, where) and (series.steps < step).any()
    ]
    return max(ratios, default=0.0)
