"""Activation statistics through depth: what is left of the signal, layer by layer."""

from __future__ import annotations

import numpy as np

from ..health import layers
from ..panel import Axis, Line, Panel, panel
from ..words import clean


@panel("activation.std", "activation.mean", "gradient.activation", "fact:modules", order=46)
def depth(run):
    """Spread of activations and of their gradients by depth, at the start (dotted) and now.

    With a good initialization and a fitting nonlinearity both stay level; a slope is a signal dying or exploding.

    Source: CS231n, Training Neural Networks I, weight initialization.
    """
    names = [name for name in layers(run) if len(run.series("activation.std", name))]
    if len(names) < 3:
        return None
    at = np.arange(len(names))
    marks = []
    for what, name, tone in (("activation.std", "activation", "blue"), ("gradient.activation", "gradient", "orange")):
        start = _positive([run.series(what, place).first for place in names])
        now = _positive([run.series(what, place).last for place in names])
        if np.isfinite(now).any():
            marks += [Line(f"{name} at the start", at, start, tone, "dash", label=False), Line(name, at, now, tone)]
    short = tuple(clean(name, 18) for name in names) if len(names) <= 12 else ()
    x = Axis("layer" if short else "layer, input to output", names=short)
    return Panel(
        "Through depth", marks, x=x, y=Axis("standard deviation, gradient rms", log=True), note="Dotted: at the start."
    )


def _positive(values: list[float]) -> np.ndarray:
    """What has a place on a logarithmic axis; where nothing is left of a signal its line ends."""
    array = np.array(values, float)
    return np.where(array > 0, array, np.nan)
