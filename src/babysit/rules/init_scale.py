"""The signal dies or blows up on its way through the layers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import BATCH_NORM, CLIP, INIT_HE, INIT_XAVIER
from . import found, rule
from ._consequences import BAD_START, BLOW_UP, NO_SIGNAL, NOT_LEARNING
from ._network import fan_in, last_module, module, modules, normalizes, parameter, weights
from ._progress import READS, grade, progress
from ._words import listed, number


@rule(
    "activation.std", "activation.between", "batch.std", "fact:parameters", *READS, family="init",
    explains=(*NO_SIGNAL, *NOT_LEARNING, *BLOW_UP, *BAD_START),
)  # fmt: skip
def init_scale(
    run: Run, *, small: float = 0.2, large: float = 4.0, ratio: float = 2.0, total: float = 100.0
) -> Iterator[Finding]:
    """The weights start too small or too large: the signal dies or blows up through the layers.

    Why it matters: a layer multiplies the size of its input by about std(w)·sqrt(fan_in). Away from 1 this compounds with
    depth: below, the last layers see almost nothing and gradients vanish; above, sigmoid and tanh saturate, ReLU outputs and
    the loss explode.

    Usual causes: weights from a normal distribution with a fixed standard deviation (0.01, 1), an initialization made
    for another activation function, PyTorch's default in a very deep net.

    Told apart from: inputs of the wrong size (the first layer would already be off), networks with normalization layers, which
    do not care, single layers that start at zero on purpose, and runs that learn well all the same (an info, unless the loss
    began at several times chance).

    Args:
        run: reads the fact `parameters` (standard deviation of each weight at the start), `activation.std` at the start.
        small, large: bounds on std(w)·sqrt(fan_in) of the hidden layers (PyTorch's default 0.58, Xavier 1, He 1.41).
        ratio: factor from layer to layer, either way, that compounds.
        total: factor from the first to the last hidden layer, either way, that is too much.

    Examples:
        >>> net = [{"name": f"{i}.weight", "kind": "weight", "module": str(i), "shape": [256, 256], "requires_grad": True,
        ...         "start": {"std": 0.01}} for i in (0, 2, 4, 6)]
        >>> loss = {"loss.train": [2.303] * 60, "loss.chance": [2.3] * 60}
        >>> small = {str(i): [0.1 ** (i / 2)] for i in (1, 3, 5)}
        >>> [finding.message for finding in init_scale(Run.of({**loss, "activation.std": small}, facts={"parameters": net}))]
        ["The weights start too small: the hidden layers' weights start with std·sqrt(fan_in) = 0.16 (expected about 1). With each layer the signal shrinks, and so does what can be learned from it."]
        >>> fine = [{**one, "start": {"std": 0.0884}} for one in net]
        >>> list(init_scale(Run.of({**loss, "activation.std": {str(i): [0.8] for i in (1, 3, 5)}}, facts={"parameters": fine})))
        []

    Source:
        CS231n, Training Neural Networks I: weight initialization; Glorot & Bengio 2010; He et al. 2015.
    """
    hidden = weights(run)[:-1]
    gains = [
        float((one.get("start") or {}).get("std", math.nan)) * math.sqrt(fan_in(one))
        for one in hidden
        if not (one.get("start") or {}).get("constant")
    ]
    gains = [gain for gain in gains if math.isfinite(gain) and gain > 0]
    names, profile = _profile(run)
    slope, change = _course(profile)
    middle = float(np.median(gains)) if gains else math.nan
    off = len(gains) >= 1 and not small <= middle <= large
    fades = len(profile) >= 3 and (change > total or change < 1 / total) and abs(slope) > math.log(ratio)
    grown = _grown(run, total)
    if grown:
        yield grown
        return
    if normalizes(run) or not (off or fades):
        return
    low = middle < small if off else change < 1
    now = progress(run)
    text = []
    if off:
        text.append(f"the hidden layers' weights start with std·sqrt(fan_in) = {number(middle)} (expected about 1)")
    if len(profile) >= 2 and fades:
        text.append(f"the signal goes from {number(profile[0])} at {names[0]} to {number(profile[-1])} at {names[-1]}")
    wild = off and middle > large and now.first > 4 * now.chance > 0  # a fact, however well it goes on
    strong = (off and fades) or (off and (middle < small / 2 or middle > large) and len(gains) >= 2)
    yield found(
        severity="warning" if wild else grade(run, "warning") if (off or not now.learning) else "info",
        stage="suspect",
        confidence=(0.55 if wild else 0.15) if now.winning else 0.85 if strong else 0.55 if off else 0.5,
        step=0,
        where=hidden[0].get("module") if hidden else names[0],
        message=f"The weights start too {'small' if low else 'large'}: {' and '.join(text)}. With each layer the signal "
        f"{'shrinks' if low else 'grows'}"
        + (", and so does what can be learned from it." if low else ", and units are pressed against their bounds."),
        evidence=[
            *(
                [
                    Evidence(
                        "fact:parameters", listed([one["name"] for one in hidden]), 0, middle, f"{small:g} to {large:g}"
                    )
                ]
                if off
                else []
            ),
            *(
                [Evidence("activation.std", names[-1], 0, profile[-1], f"about {number(profile[0])}")]
                if len(profile)
                else []
            ),
        ],
        remedies=[INIT_HE, INIT_XAVIER, BATCH_NORM],
    )


def _grown(run: Run, total: float) -> Finding | None:
    """A recurrence without bounds (ReLU) that multiplies its input by more than `total` on its way through time."""
    for one in modules(run):
        series = run.series("activation.std", one.get("name", ""))
        size = run.series("batch.std", "0").first
        if (
            one.get("cell") != "rnn"
            or not len(series)
            or series.steps[0] > 2
            or not series.first > total * max(1.0, size)
        ):
            continue
        inner = next((name for name in one.get("parameters", ()) if "weight_hh" in name), "")
        gain = float((parameter(run, inner).get("start") or {}).get("std", math.nan)) * math.sqrt(
            one.get("hidden") or 0
        )
        return found(
            severity="warning" if progress(run).learning else "error",
            stage="suspect",
            confidence=0.85,
            step=0,
            where=one.get("name"),
            message=f"The recurrent weights start too large: {inner} has std·sqrt(units) = {number(gain)} (expected about 1), and what goes into "
            f"{one.get('name')} with a standard deviation of {number(size)} comes out with {number(series.first)}. Each step in time multiplies it again.",
            evidence=[
                Evidence("activation.std", one.get("name"), int(series.steps[0]), series.first, "about 1", total)
            ],
            remedies=[INIT_XAVIER, CLIP],
        )
    return None


def _profile(run: Run) -> tuple[list[str], list[float]]:
    """(places, std) of the hidden layers' outputs at the start, in call order, of one kind of module."""
    last = last_module(run).get("name")
    kinds: dict[str, list[tuple[str, float]]] = {}
    for where, series in run.each("activation.std"):
        if not len(series) or series.steps[0] > 2 or where == last or not series.first >= 0:
            continue
        kind = str(module(run, where).get("kind", ""))
        if any(
            word in kind.lower()
            for word in (
                "norm",
                "dropout",
                "pool",
                "flatten",
                "softmax",
                "embedding",
                "lstm",
                "gru",
                "rnn",
                "attention",
                "sequential",
                "container",
            )
        ):
            continue
        kinds.setdefault(kind, []).append((where, series.first))
    best = max(kinds.values(), key=len, default=[])
    return [name for name, _ in best], [value for _, value in best]


def _course(profile: list[float]) -> tuple[float, float]:
    """(median log ratio of neighbours, last over first)."""
    values = np.maximum(np.asarray(profile, float), 1e-30)
    if len(values) < 3:
        return 0.0, 1.0
    return float(np.median(np.diff(np.log(values)))), float(values[-1] / values[0])
