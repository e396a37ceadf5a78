"""The update ratio: the whole network at a glance, parameters over time."""

from __future__ import annotations

from ..glance import glance
from ..panel import panel


@panel("update.ratio", order=44)
def update_glance(run):
    """Update / weight of every parameter over time: about 1e-3 is usual."""
    return glance(run, "update.ratio", "Updates, every layer", "log", "ratio", only=".weight")
