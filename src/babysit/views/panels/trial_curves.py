"""The learning curves of all trials."""

from __future__ import annotations

import numpy as np

from ..panel import Axis, Line, Panel, panel
from ..study import is_share, metric_name, scored

MOST = 200


@panel(of="study", order=50)
def trial_curves(study):
    """The score of every trial after each epoch; the one that is taken stands out."""
    trials = [one for one in scored(study) if len(one.curve) > 1]
    if not trials:
        return None
    best = study.choice if study.choice in trials else max(trials, key=lambda one: (len(one.curve), one.rank))
    rest = [one for one in trials if one is not best]
    rest = rest[:: max(1, -(-len(rest) // MOST))]
    marks = []
    if rest:  # all in one mark, parted by NaN: hundreds of marks would be slow to draw
        x = np.concatenate([np.append(np.arange(1.0, len(one.curve) + 1), np.nan) for one in rest])
        y = np.concatenate([np.append(np.array(one.curve, float), np.nan) for one in rest])
        marks.append(Line("trials", x, y, "blue", "faint", label=False))
    marks.append(Line(f"trial {best.number}", np.arange(1, len(best.curve) + 1), np.array(best.curve, float), "orange"))
    scores = np.concatenate([np.array(one.curve, float) for one in trials])
    scores = scores[np.isfinite(scores)]
    low = float(np.quantile(scores, 0.1)) if len(scores) else None
    return Panel(
        "Curves of all trials",
        marks,
        x=Axis("epoch"),
        y=Axis(metric_name(study), share=is_share(study), low=low),
        height=300,
    )
