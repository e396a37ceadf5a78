"""The spread of activations: the whole network at a glance, layers over time."""

from __future__ import annotations

from ..glance import glance
from ..panel import panel


@panel("activation.std", "fact:modules", order=42)
def activation_spread(run):
    """Standard deviation of each layer's output: it should neither die away nor blow up with depth."""
    return glance(run, "activation.std", "Spread of activations", "log", "std")
