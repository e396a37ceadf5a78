"""The whole gradient's norm, and where it was clipped."""

from __future__ import annotations

import math

import numpy as np

from ..panel import STEPS, Axis, Limit, Line, Panel, Value, panel
from ..words import number


@panel("gradient.total", "gradient.before_clip", "gradient.clip_at", order=72)
def gradient_total(run):
    """Norm of the gradient over all parameters; spikes come before explosions."""
    before, total = run.series("gradient.before_clip"), run.series("gradient.total")
    series = before if len(before) else total
    known = series.values[np.isfinite(series.values)]
    if not len(known):
        return None
    clip = run.last("gradient.clip_at")
    limits = [Limit(clip, f"clipped at {number(clip)}", tone="note")] if math.isfinite(clip) else []
    log = known.min() > 0 and known.max() / 30 > known.min()
    return Panel("Gradient norm, all parameters", [Line("norm", series.steps, series.values, "green", label=False)], x=STEPS,
                 y=Axis("norm", log=log), limits=limits, values=[Value("now", number(series.last), "")], height=200)  # fmt: skip
