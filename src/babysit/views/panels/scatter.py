"""Learning rate against regularization, coloured by the score: the lecture's own picture of a search."""

from __future__ import annotations

import numpy as np

from ..panel import Axis, Band, Dots, Panel, panel
from ..study import bounds, describe, importance, is_log, is_share, metric_name, numeric, scored


@panel(of="study", order=20)
def scatter(study):
    """Two searched fields against one another (learning rate and weight decay where they were searched).

    A cloud of good ones at an edge says: search further out. Source: CS231n, Neural Networks 3.
    """
    names = numeric(study)
    if len(names) < 2:
        return None
    most = [name for name in importance(study) if name in names]
    first = "lr" if "lr" in names else (most or names)[0]
    rest = [name for name in ["weight_decay", *most, *names] if name in names and name != first]
    second = rest[0]
    trials = sorted(
        (one for one in scored(study) if first in one.params and second in one.params), key=lambda one: one.score
    )
    if len(trials) < 2:
        return None
    x, y = (np.array([float(one.params[name]) for one in trials]) for name in (first, second))
    colours = np.array([one.score for one in trials])
    floor = float(np.quantile(colours, 0.1))  # failures would take all the colour away from the good ones
    dots = Dots(
        "trials",
        x,
        y,
        np.maximum(colours, floor),
        [describe(one, study) for one in trials],
        metric_name(study),
        is_share(study),
    )
    axes = [Axis(name.replace("_", " "), log=is_log(study, name)) for name in (first, second)]
    return Panel(f"{first} and {second}".replace("_", " "), [dots], x=axes[0], y=axes[1], bands=_edges(study, trials, first),
                 height=340)  # fmt: skip


def _edges(study, trials, name):
    """A warning band where the best trial lies at the edge of its range."""
    ends = bounds(study, name)
    if ends is None or len(trials) < 8 or ends[0] <= 0:
        return ()
    best = float(trials[-1].params[name])
    low, high = ends
    wide = (high / low) ** 0.05
    if best > high / wide:
        return (Band(high / wide, high, "the best lies at the edge", "x", "bad"),)
    if best < low * wide:
        return (Band(low, low * wide, "the best lies at the edge", "x", "bad"),)
    return ()
