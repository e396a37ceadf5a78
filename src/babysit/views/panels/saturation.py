"""Saturation: the whole network at a glance, layers over time."""

from __future__ import annotations

from ..glance import glance
from ..panel import panel


@panel("activation.saturated", "fact:modules", order=41)
def saturation(run):
    """Share of outputs in the flat part of their nonlinearity, where no gradient passes."""
    return glance(run, "activation.saturated", "Saturated outputs", "share", "saturated")
