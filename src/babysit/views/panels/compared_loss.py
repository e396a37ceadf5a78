"""The losses of several runs, one beside the other."""

from __future__ import annotations

from ..compare import overlay
from ..panel import panel


@panel(of="runs", order=10)
def compared_loss(runs):
    """Training loss of each run, smoothed, over the steps."""
    return overlay(runs, "loss.train", "Loss", "loss", smoothed=True)
