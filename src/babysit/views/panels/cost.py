"""What a step costs: time and memory."""

from __future__ import annotations

import numpy as np

from ..facts import median
from ..panel import STEPS, Axis, Line, Panel, Value, panel
from ..words import duration


@panel("time.step", order=74)
def cost(run):
    """Milliseconds of each observed step."""
    series = run.series("time.step")
    if len(series) < 2:
        return None
    middle = median(series.values)
    least, most = np.nanmin(series.values), np.nanmax(series.values)
    log = least > 0 and most / 30 > least  # the first step often takes a thousand times as long as the others
    return Panel("Time of a step", [Line("ms", series.steps, np.clip(series.values, -1e9, 1e9) * 1000, "purple", label=False)], x=STEPS,
                 y=Axis("ms", log=log, low=None if log else 0), values=[Value("median", duration(middle))], height=200)  # fmt: skip
