"""How much each step changes the weights, against the 1e-3 that the lecture gives."""

from __future__ import annotations

import numpy as np

from ..facts import median
from ..panel import STEPS, Area, Axis, Band, Line, Panel, Value, panel
from ..words import bare, number, tail


@panel("update.ratio", order=30)
def updates(run):
    """rms(Δw) / rms(w) per step: about 1e-3 is usual; far below it nothing is learned, far above it is torn apart.

    Source: CS231n, Neural Networks 3, ratio of weights to updates.
    """
    series = [(where, one) for where, one in run.each("update.ratio") if len(one)]
    if not series:
        return None
    marks = []
    if len(series) > 1:
        steps, low, middle, high = _spread([one for _, one in series])
        marks += [Area("all layers", steps, low, high, "blue"), Line("median", steps, middle, "blue")]
    else:
        marks.append(Line(tail(series[0][0], 18), series[0][1].steps, series[0][1].values, "blue"))
    if len(series) > 1:
        series = list(zip(bare([where for where, _ in series]), [one for _, one in series], strict=True))
        by_last = sorted(series, key=lambda one: one[1].last if one[1].last == one[1].last else -1)
        for (where, one), color in ((by_last[-1], "orange"), (by_last[0], "purple")):
            marks.append(Line(tail(where, 18), one.steps, one.values, color))
    newest = median([one.last for _, one in series])
    note = "Named are the layers with the largest and the smallest ratio." if len(series) > 1 else ""
    values = [Value("median" if len(series) > 1 else "now", number(newest, 2), "blue")]
    return Panel("Updates against weights", marks, x=STEPS, y=Axis("update / weight", log=True), bands=[Band(3e-4, 3e-3, "about 1e-3")],
                 values=values, note=note)  # fmt: skip


def _spread(series):
    """Steps, smallest, median and largest over the layers, at at most 800 steps that most of them share."""
    longest = max(series, key=len)
    steps = longest.steps
    if len(steps) > 800:
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, 800).astype(int))]
    rows = [one.values[np.clip(np.searchsorted(one.steps, steps, "right") - 1, 0, len(one) - 1)] for one in series]
    with np.errstate(invalid="ignore"):
        grid = np.where(np.isfinite(rows) & (np.array(rows) > 0), rows, np.nan)
    known = ~np.isnan(grid).all(axis=0)
    grid, steps = grid[:, known], steps[known]
    if not len(steps):
        return steps, np.empty(0), np.empty(0), np.empty(0)
    return steps, np.nanmin(grid, axis=0), np.nanmedian(grid / 2, axis=0) * 2, np.nanmax(grid, axis=0)
