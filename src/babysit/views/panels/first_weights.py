"""First-layer weights as images, where the layer looks at pixels."""

from __future__ import annotations

import numpy as np

from ..panel import Images, Panel, panel

MOST = 64


@panel("weight.images", order=60)
def first_weights(run):
    """What each unit of the first layer looks for: smooth patterns are learned, pure noise is not (yet).

    Source: CS231n, Neural Networks 3, first-layer visualizations.
    """
    places = run.vector_places("weight.images")
    if not places:
        return None
    step, images = run.vectors("weight.images", places[0])[-1]
    images = np.asarray(images, float)
    if images.ndim != 4 or not images.size:
        return None
    pictures = [("", _picture(one)) for one in images[:MOST]]
    more = f"; the first {MOST} of {len(images)} units" if len(images) > MOST else ""
    return Panel(
        "First-layer weights", [Images(pictures)], note=f"At step {step:,}{more}; each scaled to its own range."
    )


def _picture(weights: np.ndarray) -> np.ndarray:
    """(C, H, W) as grey or RGB in 0..1."""
    weights = np.where(np.isfinite(weights), weights, 0.0)
    low, high = weights.min(), weights.max()
    scaled = (weights - low) / ((high - low) or 1.0)
    return scaled.transpose(1, 2, 0) if len(scaled) == 3 else scaled.mean(axis=0)
