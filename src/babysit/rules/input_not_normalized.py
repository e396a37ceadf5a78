"""The inputs are not centred or scaled."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import BATCH_NORM, STANDARDIZE
from ..record.run import EMPTY
from . import found, rule
from ._consequences import BAD_START, BLOW_UP, NOT_LEARNING
from ._network import activation_of, first_is, last_module, modules, recent
from ._progress import READS, grade, progress
from ._words import number, percent


@rule(
    "batch.mean", "batch.std", "batch.min", "batch.max", "batch.feature_offset", "batch.feature_offset_median",
    "batch.feature_spread", "activation.saturated", *READS,
    family="init", explains=(*BLOW_UP, *BAD_START, *NOT_LEARNING, "init-scale", "saturated-units", "learning-rate-too-low", "updates-too-small"),
)  # fmt: skip
def input_not_normalized(
    run: Run, *, offset: float = 3.0, far: float = 30.0, size: float = 10.0, spread: float = 100.0
) -> Iterator[Finding]:
    """The inputs are not centred on zero, or their features have very different scales.

    Why it matters: for a layer that sees inputs with mean m and standard deviation s the loss is
    about 1 + (m/s)² times more curved in one direction than in the others, and features whose scales
    differ k times give k² times the curvature. One learning rate can't fit both: what is small enough
    for the steep direction is too small for the flat one. Inputs much larger than 1 also make the
    first outputs, and so the first loss and its gradients, that much too large.

    A feature that lies k standard deviations from 0 (a year, a latitude) acts as a second bias k times as large as what it
    has to say, whatever it was divided by. And tanh or sigmoid units behind large inputs are flat from the first step.

    Usual causes: pixels left at 0..255, table columns in their own units, columns divided by their maximum but not centred.

    Told apart from: a bad initialization (here the inputs themselves are off), a network that begins
    with a normalization layer or an embedding (silent), and a run that learns well all the same (an info).

    Args:
        run: reads `batch.mean`, `batch.std`, the offset and the spread of the features of each input.
        offset: |mean| / standard deviation of the median feature that is too much.
        far: the same of a single feature (border pixels and rare ones left out).
        size: root mean square of the input that is too much.
        spread: ratio of the largest to the median standard deviation of features that is too much.

    Examples:
        >>> loss = [9.1, 4.0, 2.4] + [2.3] * 17
        >>> sick = Run.of({"batch.mean": {"0": [120.0]}, "batch.std": {"0": [70.0]}, "loss.train": loss})
        >>> [finding.message for finding in input_not_normalized(sick)]
        ['Input 0 is not normalized: its values have a root mean square of 139 (expected about 1). The loss is then far steeper in some directions than in others, and no one learning rate fits.']
        >>> list(input_not_normalized(Run.of({"batch.mean": {"0": [0.1]}, "batch.std": {"0": [1.0]}, "loss.train": loss})))
        []

    Source:
        CS231n, Training Neural Networks I: data preprocessing. LeCun et al. 1998, Efficient BackProp, 4.3.
    """
    if first_is(run, "embedding", "norm"):
        return
    standard = recent(run, "batch.std")
    for where, mean in recent(run, "batch.mean").items():
        sd = standard.get(where, math.nan)
        rms = math.hypot(mean, sd)
        middle = recent(run, "batch.feature_offset_median", places=iter([where])).get(where, math.nan)
        widest = recent(run, "batch.feature_spread", places=iter([where])).get(where, math.nan)
        farthest = recent(run, "batch.feature_offset", places=iter([where])).get(where, math.nan)
        single = farthest > far and not middle > offset
        flat = _saturates(run) if rms > 3 and where in ("", "0") else 0.0
        off, large, uneven = middle > offset, rms > size, widest > spread and not _one_scale(run, where)
        if not (off or large or uneven or single or flat) or sd == 0:
            continue
        parts, evidence = [], []
        if large:
            parts.append(f"its values have a root mean square of {number(rms)} (expected about 1)")
            evidence.append(Evidence("batch.std", where, value=sd, expected="about 1", limit=size))
            evidence.append(Evidence("batch.mean", where, value=mean, expected="about 0"))
        elif flat:
            parts.append(
                f"its values have a root mean square of {number(rms)} (expected about 1), and {percent(flat)} of what the first "
                "activation gives lies in its flat part from the first step on"
            )
            evidence.append(Evidence("activation.saturated", "", value=flat, expected="below 0.1", limit=0.5))
        if single:
            parts.append(
                f"the mean of one of its features lies {number(farthest)} standard deviations from 0 (limit {far:g}), so that the feature hardly varies beside its own size"
            )
            evidence.append(Evidence("batch.feature_offset", where, value=farthest, expected=f"< {far:g}", limit=far))
        if off:
            parts.append(
                f"its middle feature's mean lies {number(middle)} standard deviations from 0 (limit {offset:g})"
            )
            evidence.append(
                Evidence("batch.feature_offset_median", where, value=middle, expected=f"< {offset:g}", limit=offset)
            )
        if uneven:
            parts.append(f"the scales of its features differ {number(widest)} times (limit {spread:g})")
            evidence.append(
                Evidence("batch.feature_spread", where, value=widest, expected=f"< {spread:g}", limit=spread)
            )
        # a scale is a fact: far beyond 1 it is told to a run that learns as well
        severity = (
            "warning"
            if (rms > 3 * size or single or flat) and progress(run).readings >= 10
            else grade(run, "warning" if large or uneven else "info")
        )
        yield found(
            severity=severity,
            stage="suspect",
            confidence=_confidence(run, large or bool(flat), uneven, single or bool(flat)),
            message=f"Input {where or 0} is not normalized: {'; '.join(parts)}. The loss is then far steeper in some "
            "directions than in others, and no one learning rate fits.",
            evidence=evidence,
            remedies=[STANDARDIZE, BATCH_NORM],
        )


def _one_scale(run: Run, where: str) -> bool:
    """Do all features share one small bounded range (pixels in 0..1), where some only happen to vary little?"""
    ends = [
        abs(value) for what in ("batch.min", "batch.max") for value in recent(run, what, places=iter([where])).values()
    ]
    return len(ends) == 2 and max(ends) <= 1.0 + 1e-6


def _saturates(run: Run) -> float:
    """Share of the first activation's outputs that were in its flat part from the first step on; 0 below one half."""
    places = [one["name"] for one in modules(run) if activation_of(one)]
    series = run.series("activation.saturated", places[0]) if places else EMPTY
    least = float(np.min(series.values[:3])) if len(series) >= 3 else 0.0
    return least if least > 0.5 and places[0] != last_module(run).get("name") else 0.0


def _confidence(run: Run, large: bool, uneven: bool, certain: bool) -> float:
    if progress(run).winning:
        return 0.5 if certain else 0.2
    return 0.85 if large else 0.7 if uneven or certain else 0.4
