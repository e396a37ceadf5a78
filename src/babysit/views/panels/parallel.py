"""Parallel coordinates: every trial as a line through all searched fields."""

from __future__ import annotations

import numpy as np

from ..panel import Axis, Panel, Spokes, panel
from ..study import fields, is_share, metric_name, scored, units
from ..words import clean

MOST = 400


@panel(of="study", order=40)
def parallel(study):
    """Each line is a trial, each axis a field; bright lines scored best: where they gather is where to search."""
    trials = sorted(scored(study), key=lambda one: one.score)[-MOST:]
    names = [name for name in fields(study) if len({str(one.params.get(name)) for one in trials}) > 1][:8]
    if len(trials) < 2 or len(names) < 2:
        return None
    found = [units(study, trials, name) for name in names]
    colours = np.array([one.score for one in trials])
    colours = np.maximum(colours, np.quantile(colours, 0.1))
    spokes = Spokes([clean(name.replace("_", " "), 24) for name in names], [ends for _, ends in found], np.stack([at for at, _ in found], axis=1),
                    colours, metric_name(study), is_share(study))  # fmt: skip
    return Panel("All fields together", [spokes], x=Axis(), y=Axis(), height=340, wide=True)
