"""Gradients that are suddenly many times larger."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import CLIP, LOWER_LR, WARM_UP
from . import found, rule
from ._consequences import NOT_LEARNING
from ._network import source
from ._progress import READS, grade, judged, progress
from ._words import number


@rule(
    "gradient.total",
    "gradient.before_clip",
    "gradient.clip_at",
    *READS,
    family="rate",
    explains=(
        "loss-not-finite",
        "dead-relu",
        "saturated-units",
        "loss-oscillates",
        "amp-skips-steps",
        "updates-too-large",
        *NOT_LEARNING,
    ),
)
def exploding_gradients(run: Run, *, times: float = 10.0, least: int = 3) -> Iterator[Finding]:
    """The gradient explodes: it is suddenly many times larger than before, and the loss with it.

    Why it matters: the step follows the gradient's size. One step ten times too long can undo a thousand good ones.

    Usual causes: a long recurrence or deep stack without clipping, a learning rate too high, no warm-up.

    Told apart from: a single bad batch (it must happen three times), the large gradients of the very first steps, gradients
    that are clipped before the step (then it is harmless), and the spikes of a run that has converged, whose
    median is next to zero (the spike must exceed the level at the start, and the loss must suffer).

    Args:
        run: reads `gradient.total`, the norm over all parameters as the step sees it.
        times: multiple of the running median that counts as a spike.
        least: spikes that are needed.

    Examples:
        >>> calm, wild = [1.0] * 20, [1.0] * 20
        >>> wild[12], wild[15], wild[18], wild[19] = 60.0, 90.0, 200.0, 900.0
        >>> loss = [2.3] * 12 + [2.3, 4.0, 9.0, 9.5, 12.0, 20.0, 40.0, 80.0]
        >>> [finding.message for finding in exploding_gradients(Run.of({"gradient.total": {"0": wild}, "loss.train": loss}))]
        ['The gradient explodes: its norm reached 900 where 1 was usual, 4 times since step 12, and the loss rose after it.']
        >>> list(exploding_gradients(Run.of({"gradient.total": {"0": calm}, "loss.train": [2.3] * 20})))
        []

    Source:
        Pascanu et al. 2013; Google's tuning playbook (clip at the 90th percentile); threshold as in runmedic.
    """
    for where, series in run.each("gradient.total"):
        good = np.isfinite(series.values)
        steps, values = series.steps[good], series.values[good]
        if len(values) < 10 or run.has("gradient.clip_at"):
            continue
        early = float(np.percentile(values[: min(20, len(values) // 2)], 90))
        spikes = [
            index for index in range(5, len(values))
            if values[index] > times * np.median(values[max(0, index - 50) : index]) and values[index] > 3 * early
        ] if float(values.max()) > 3 * early else []  # fmt: skip
        if len(spikes) < least:
            continue
        suffered = _suffered(run, int(steps[spikes[0]]))
        if not suffered:
            continue
        begin = int(steps[spikes[0]])
        worst = float(values[spikes].max())
        usual = float(np.median(values[: spikes[0]]))
        yield found(
            severity=grade(run, "error"),
            stage="suspect",
            confidence=0.1 if progress(run).winning else 0.55,
            step=begin,
            source=source(run, "train"),
            message=f"The gradient explodes: its norm reached {number(worst)} where {number(usual)} was usual, {len(spikes)} times since step {begin}, "
            "and the loss rose after it.",
            evidence=[
                Evidence(
                    "gradient.total", where, int(steps[spikes[-1]]), worst, f"< {number(times * usual)}", times * usual
                )
            ],
            remedies=[CLIP, LOWER_LR, WARM_UP],
        )


def _suffered(run: Run, step: int) -> bool:
    """Did the loss, after this step, rise beyond three times its noise above its level before?"""
    loss = judged(run)
    before, after = loss.values[loss.steps < step][-20:], loss.values[loss.steps >= step]
    before, finite = before[np.isfinite(before)], after[np.isfinite(after)]
    if len(finite) < len(after):
        return True
    if len(before) < 3 or len(finite) < 3:
        return False
    noise = max(progress(run).noise, 1e-9)
    return float(np.median(finite[-20:])) > float(np.median(before)) + 3 * noise
