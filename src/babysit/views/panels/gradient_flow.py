"""The gradient's size: the whole network at a glance, parameters over time."""

from __future__ import annotations

from ..glance import glance
from ..panel import panel


@panel("gradient.norm", order=43)
def gradient_flow(run):
    """Norm of each parameter's gradient as the optimizer saw it: rows that fade out have stopped learning."""
    return glance(run, "gradient.norm", "Gradient norm", "log", "norm", only=".weight")
