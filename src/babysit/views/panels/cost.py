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
    return Panel("Time of a step", [Line("ms", series.steps, np.clip(series.values, -1e9, 1e9) * 1000, "purple", label=False)], x=STEPS,
                 y=Axis("ms", low=0), values=[Value("median", duration(middle))], height=200)  # fmt: skip
