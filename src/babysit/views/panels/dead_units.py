"""Dead units: the whole network at a glance, layers over time."""

from __future__ import annotations

from ..glance import glance
from ..panel import panel


@panel("activation.dead", "fact:modules", order=40)
def dead_units(run):
    """Share of units that gave zero for every one of the newest 512 examples: such a unit never learns again."""
    return glance(run, "activation.dead", "Dead units", "share", "dead")
