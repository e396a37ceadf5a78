"""One layer's histograms over time: weights, activations or gradients."""

from __future__ import annotations

import numpy as np

from ..panel import STEPS, Axis, Heat, Panel, panel
from ..words import clean, number

KINDS = ("activation.histogram", "weight.histogram", "gradient.histogram")


@panel(*KINDS, order=50)
def histograms(run, choice=""):
    """How the values of one layer are spread, and how that changes; choose the layer."""
    places = [f"{what.partition('.')[0]} of {where}" for what in KINDS for where in run.vector_places(what)]
    keys = [(what, where) for what in KINDS for where in run.vector_places(what)]
    if not keys:
        return None
    index = places.index(choice) if choice in places else 0
    frames = [(step, np.asarray(one, float)) for step, one in run.vectors(*keys[index])]
    frames = [(step, one) for step, one in frames if one.ndim == 2 and one.shape[0] == 2 and one.shape[1] > 1]
    if not frames:
        return None
    low = min(float(one[1].min()) for _, one in frames)
    high = max(float(one[1].max()) for _, one in frames)
    if not np.isfinite([low, high]).all() or high <= low:
        return None
    middles = np.linspace(low, high, 48)
    columns = [_spread(one, middles) for _, one in frames[-240:]]
    labels = [number(float(middle)) for middle in middles]
    heat = Heat(
        labels[::-1], np.array([step for step, _ in frames[-240:]]), np.stack(columns, axis=1)[::-1], "counts", "share"
    )
    return Panel("Histograms over time", [heat], x=STEPS, y=Axis("value"), height=300,
                 choices=tuple(clean(one, 80) for one in places), choice=clean(places[index], 80))  # fmt: skip


def _spread(frame: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """A histogram of its own range put onto the common one, as density against its peak."""
    counts, centres = frame
    counts = np.where(np.isfinite(counts), counts, 0.0)
    width = max(centres[1] - centres[0], 1e-30)
    density = np.interp(middles, centres, counts, left=0.0, right=0.0)
    if not density.any():  # narrower than one cell of the common grid
        density[np.argmin(np.abs(middles - centres[np.argmax(counts)]))] = counts.max() * width
    return density / max(density.max(), 1e-30)
