"""Gradients fade on their way back through the layers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import BATCH_NORM, INIT_HE, RELU_FOR_SIGMOID, advice
from . import found, rule
from ._consequences import NOT_LEARNING
from ._network import adaptive, modules, parameter, recent, weights
from ._progress import READS, grade, progress
from ._words import number

LSTM = advice(
    "Use a gated recurrence, which carries what it knows unchanged",
    "self.rnn = nn.LSTM(inputs, hidden, batch_first=True)",
)
RESIDUAL = advice("Let the layers add to their input (residual connections)", "x = x + self.block(x)")


@rule(
    "gradient.rms",
    "weight.rms",
    "update.ratio",
    *READS,
    family="init",
    explains=(*NOT_LEARNING, "updates-too-small", "decay-only-updates", "learning-rate-too-low", "rank-collapse"),
)
def vanishing_gradients(run: Run, *, ratio: float = 1e-3, least: int = 5) -> Iterator[Finding]:
    """Gradients vanish with depth: the first layers get thousands of times less than the last.

    Why it matters: backward multiplies by each layer's derivative. Where these are small (sigmoid: at most 1/4), the first
    layers get next to nothing and stay as they were initialized.

    Usual causes: many sigmoid or tanh layers, weights that start too small, a long recurrence, depth without residual
    connections or normalization.

    Told apart from: a broken graph (no gradient at all), dead units (exactly zero), a run that has converged
    (small everywhere), and a mere difference of size that Adam makes up for (the update ratio tells).

    Args:
        run: reads `gradient.rms` over `weight.rms` of every weight in call order, and `update.ratio`.
        ratio: first over last layer below which gradients count as vanished.
        least: readings that are needed.

    Examples:
        >>> net = [{"name": f"{i}.weight", "kind": "weight", "module": str(i), "shape": [32, 32], "requires_grad": True} for i in range(5)]
        >>> fade = {f"{i}.weight": [10.0 ** (i - 5)] * 20 for i in range(5)}
        >>> rest = {"loss.train": [2.3] * 20, "weight.rms": {name: [0.1] * 20 for name in fade},
        ...         "update.ratio": {name: [1e-8 if name[0] < "2" else 1e-3] * 20 for name in fade}}
        >>> [finding.message for finding in vanishing_gradients(Run.of({"gradient.rms": fade, **rest}, facts={"parameters": net}))]
        ["Gradients vanish with depth: over the weight's size they are 0.0001 at 0.weight and 1 at 4.weight, 10000 times as much (limit 1000). The first layers hardly learn."]
        >>> even = {name: [0.01] * 20 for name in fade}
        >>> list(vanishing_gradients(Run.of({"gradient.rms": even, **rest}, facts={"parameters": net})))
        []

    Source:
        Hochreiter 1991; CS231n, Training Neural Networks I: activation functions; AutoTrainer (ratio 1e-3).
    """
    names = [one["name"] for one in weights(run)] or [
        name for name in run.places("gradient.rms") if not name.endswith("bias")
    ]
    gradients, sizes = recent(run, "gradient.rms", 20), recent(run, "weight.rms", 5)
    profile = [
        (name, gradients[name] / sizes.get(name, 1.0))
        for name in names
        if gradients.get(name, 0) > 0 and sizes.get(name, 1.0) > 0
    ]
    if len(profile) < 3 or len(run.series("gradient.rms", profile[0][0])) < least:
        yield from _through_time(run, ratio)
        return
    fade = _fade([value for _, value in profile])
    whole = profile[0][1] / profile[-1][1]
    if fade >= ratio and not (whole < ratio / 2 and fade < 10 * ratio):
        return
    moves = recent(run, "update.ratio", 20).get(profile[0][0])
    still = moves is None or moves < 1e-5 or (not progress(run).learning and (adaptive(run) or moves < 1e-4))
    if not still:
        return
    yield found(
        severity=grade(run, "warning"),
        stage="suspect",
        confidence=0.1 if progress(run).winning else 0.65,
        step=int(run.series("gradient.rms", profile[0][0]).steps[0]),
        where=parameter(run, profile[0][0]).get("module") or profile[0][0],
        message=f"Gradients vanish with depth: over the weight's size they are {number(profile[0][1])} at {profile[0][0]} and {number(profile[-1][1])} at {profile[-1][0]}, "
        f"{number(profile[-1][1] / profile[0][1])} times as much (limit {number(1 / ratio)}). The first layers hardly learn.",
        evidence=[
            Evidence(
                "gradient.rms",
                profile[0][0],
                value=gradients[profile[0][0]],
                expected=f"near {number(gradients[profile[-1][0]])}",
            ),
            *(
                [Evidence("update.ratio", profile[0][0], value=moves, expected="about 1e-3", limit=1e-5)]
                if moves is not None
                else []
            ),
        ],
        remedies=[RELU_FOR_SIGMOID, INIT_HE, BATCH_NORM, RESIDUAL],
    )


def _fade(profile: list[float]) -> float:
    """First over last of a geometric profile: the median slope of all pairs of layers, over the whole depth (Theil-Sen)."""
    logs = np.log(profile)
    slopes = [(logs[j] - logs[i]) / (j - i) for i in range(len(logs)) for j in range(i + 1, len(logs))]
    return float(np.exp(-np.median(slopes) * (len(logs) - 1)))


def _through_time(run: Run, ratio: float) -> Iterator[Finding]:
    """A plain recurrence multiplies the gradient by about std(w)·sqrt(units) at each step back in time.

    What the task needs of the past is not known, so this is said only where nothing is learned.
    """
    now = progress(run)
    if now.learning or now.readings < 100 or not now.chance > 0:
        return
    for one in modules(run):
        shape = one.get("shape_in") or []
        if one.get("cell") != "rnn" or len(shape) != 3:
            continue
        length = int(shape[1] if one.get("batch_first") else shape[0])
        inner = next((name for name in one.get("parameters", ()) if "weight_hh" in name), "")
        gain = run.last("weight.rms", inner) * math.sqrt(one.get("hidden") or 0)
        if not 0 < gain < 1 or gain ** (length - 1) >= ratio:
            continue
        yield found(
            severity=grade(run, "warning"),
            stage="suspect",
            confidence=0.6,
            step=now.step,
            where=one.get("name"),
            message=f"Gradients vanish through time: the recurrence in {one.get('name')} multiplies them by about {number(gain)} at each step back "
            f"(std·sqrt(units) of {inner}), which over {length} steps leaves {number(gain ** (length - 1))} of them. What came early can't be learned.",
            evidence=[
                Evidence(
                    "weight.rms",
                    inner,
                    now.step,
                    run.last("weight.rms", inner),
                    f"about {number(1 / math.sqrt(one['hidden']))}",
                )
            ],
            remedies=[LSTM, RESIDUAL],
        )
        return
