"""The validation scores of several runs, one beside the other."""

from __future__ import annotations

from ..compare import overlay
from ..panel import panel


@panel(of="runs", order=30)
def compared_score(runs):
    """Validation accuracy (R² for regressions) of each run over the steps."""
    return overlay(runs, "accuracy.val", "Validation accuracy", "share right", share=True) or overlay(
        runs, "r2.val", "Validation R²", "R²"
    )
