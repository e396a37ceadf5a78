"""The confusion matrix: true class by predicted class."""

from __future__ import annotations

import numpy as np

from ..facts import items, mapping
from ..panel import Axis, Heat, Panel, Value, panel
from ..words import clean, share


@panel("confusion", "fact:task", order=62)
def confusion(run):
    """Which classes are taken for which: rows are the true class, columns the predicted one."""
    places = run.vector_places("confusion")
    if not places:
        return None
    _, counts = run.vectors("confusion", places[0])[-1]
    counts = np.asarray(counts, float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not np.isfinite(counts).all() or not counts.sum():
        return None
    size = len(counts)
    told = items(mapping(run, "task").get("names"))
    names = [clean(told[index], 20) if index < len(told) else str(index) for index in range(size)]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.diag(counts) / counts.sum(axis=1)
    values = [Value("right", share(float(np.trace(counts) / counts.sum())), "good")]
    if np.nanmin(recall, initial=1.0) < 1:  # nothing is hard where all is right
        worst = int(np.nanargmin(recall))
        values.append(Value("hardest", f"{names[worst]}, {share(float(recall[worst]))} right"))
    heat = Heat(names, np.arange(size), counts, "counts", "examples", numbers=size <= 16, column_names=names)
    return Panel(
        "Confusion", [heat], x=Axis("predicted"), y=Axis("true"), values=values, height=min(560, 120 + 26 * size)
    )
