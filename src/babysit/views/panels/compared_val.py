"""The validation losses of several runs, one beside the other."""

from __future__ import annotations

from ..compare import overlay
from ..panel import panel


@panel(of="runs", order=20)
def compared_val(runs):
    """Validation loss of each run over the steps."""
    return overlay(runs, "loss.val", "Validation loss", "loss")
