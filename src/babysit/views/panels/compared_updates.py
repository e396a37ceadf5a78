"""The update ratios of several runs, one beside the other."""

from __future__ import annotations

import numpy as np

from ..panel import Axis, Band, Line, Panel, panel
from ..words import clean


@panel(of="runs", order=40)
def compared_updates(runs):
    """Median update / weight over each run's layers."""
    marks = []
    for name, run in runs.items():
        series = [one for _, one in run.each("update.ratio") if len(one) > 1]
        if not series:
            continue
        steps = max(series, key=len).steps
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, min(400, len(steps))).astype(int))]
        rows = np.array(
            [one.values[np.clip(np.searchsorted(one.steps, steps, "right") - 1, 0, len(one) - 1)] for one in series]
        )
        known = np.isfinite(rows).any(axis=0)
        marks.append(
            Line(
                clean(name, 24),
                steps[known],
                np.nanmedian(np.where(np.isfinite(rows), rows, np.nan)[:, known] / 2, axis=0) * 2,
            )
        )
    return (
        Panel(
            "Updates against weights",
            marks,
            y=Axis("median update / weight", log=True),
            bands=[Band(3e-4, 3e-3, "about 1e-3")],
        )
        if marks
        else None
    )
