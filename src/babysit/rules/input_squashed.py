"""The inputs hardly vary: scaled twice, or constant."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import BATCH_NORM, STANDARDIZE
from . import found, rule
from ._consequences import NO_SIGNAL, NOT_LEARNING
from ._network import first_is, modules, recent
from ._progress import READS, grade, progress
from ._words import number, percent


@rule(
    "batch.mean", "batch.std", "batch.constant_features", "input.rms", "activation.between", *READS,
    family="init", explains=(*NOT_LEARNING, *NO_SIGNAL, "init-scale", "dead-relu"),
)  # fmt: skip
def input_squashed(run: Run, *, size: float = 0.02, flat: float = 1e-5) -> Iterator[Finding]:
    """The inputs are squashed to almost nothing: scaled twice, or the same for every example.

    Why it matters: with PyTorch's own initialization the part of a unit that depends on the input has
    standard deviation rms(x)/sqrt(3), its bias 1/sqrt(3 fan_in). Inputs smaller than 1/sqrt(fan_in)
    drown in the biases: every example looks the same, and the gradient of the first layer, which is
    proportional to its input, is that much too small.

    Usual causes: pixels divided by 255 twice (ToTensor has done it once), a scaler applied to what was
    scaled, features in units much too large, a constant tensor fed by mistake.

    Told apart from: a learning rate too low and an initialization too small, where the inputs are of
    size 1; a network that begins with a normalization layer or an embedding (silent); a run that learns well all the same
    (an info), unless at the start hardly anything of what the first layer gave told the examples apart.

    Args:
        run: reads `batch.mean`, `batch.std` and `batch.constant_features` of each input, and `input.rms`, the size of what the
            first layer with weights gets where the model has made something else of its input.
        size: root mean square of the input below which it counts as squashed.
        flat: standard deviation over its mean below which an input counts as constant.

    Examples:
        >>> sick = Run.of({"batch.mean": {"0": [0.0005]}, "batch.std": {"0": [0.0012]}, "loss.train": [2.303] * 20})
        >>> [finding.message for finding in input_squashed(sick)]
        ["Input 0 is squashed: mean 0.0005, standard deviation 0.0012 (expected about 0 and 1). What depends on the input drowns in the first layer's biases. Was it scaled twice?"]
        >>> list(input_squashed(Run.of({"batch.mean": {"0": [0.13]}, "batch.std": {"0": [0.3]}, "loss.train": [2.303] * 20})))
        []

    Source:
        CS231n, Training Neural Networks I: data preprocessing; the closed form follows from
        torch.nn.Linear's initialization, U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
    """
    if first_is(run, "embedding", "norm"):
        return
    standard, constant = recent(run, "batch.std"), recent(run, "batch.constant_features")
    for where, mean in recent(run, "batch.mean").items():
        sd = standard.get(where, math.nan)
        rms = math.hypot(mean, sd)
        if (sd == 0 or constant.get(where, 0) >= 0.999) and where in ("", "0"):
            yield found(
                severity=grade(run, "error"),
                stage="suspect",
                confidence=0.2 if progress(run).learning else 0.9,
                message=f"Input {where or 0} is the same for every example ({percent(constant.get(where, 1.0))} of its "
                "features never change), so nothing can be learned from it.",
                evidence=[Evidence("batch.std", where, value=sd, expected="> 0")],
                remedies=[STANDARDIZE],
            )
        elif 0 < rms < size or (0 < sd < flat * abs(mean)):
            drowns = progress(run).readings >= 10 and where in ("", "0") and _drowns(run)
            yield found(
                severity="warning" if drowns else grade(run, "warning"),
                stage="suspect",
                confidence=0.6 if drowns and progress(run).winning else 0.15 if progress(run).winning else 0.85,
                message=f"Input {where or 0} is squashed: mean {number(mean)}, standard deviation {number(sd)} (expected "
                "about 0 and 1). What depends on the input drowns in the first layer's biases. Was it scaled twice?",
                evidence=[Evidence("batch.std", where, value=sd, expected="about 1", limit=size)],
                remedies=[STANDARDIZE, BATCH_NORM],
            )
    for where, size_inside in recent(run, "input.rms").items():
        outside = recent(run, "batch.std").get("0", math.nan)
        if 0 < size_inside < size and not outside < size:
            yield found(
                severity=grade(run, "warning"),
                stage="suspect",
                confidence=0.15 if progress(run).winning else 0.85,
                where=where,
                message=f"What {where} gets is squashed: the model makes numbers of size {number(size_inside)} of an input with standard deviation {number(outside)}. What depends "
                "on the input drowns in the layer's biases. Is it scaled twice, outside of the model and in it?",
                evidence=[Evidence("input.rms", where, value=size_inside, expected="about 1", limit=size)],
                remedies=[STANDARDIZE, BATCH_NORM],
            )


def _drowns(run: Run, share: float = 0.05) -> bool:
    """At the start, was nearly all of what the first layer gave the same for every example?"""
    for one in modules(run):
        series = run.series("activation.between", one.get("name", ""))
        if one.get("parameters") and len(series) and series.steps[0] <= 3:
            return float(np.median(series.values[:3])) < share
    return False
