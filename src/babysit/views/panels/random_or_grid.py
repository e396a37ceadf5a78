"""Random against grid search, on this very study."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..panel import Axis, Line, Panel, panel
from ..study import importance, is_share, metric_name, numeric, scored, tell, units
from ..words import clean


@panel(of="study", order=55)
def random_or_grid(study):
    """The best score that n trials find: drawn at random, against n on a grid over the same fields.

    Both are played over a picture of this study: the score at a place is that of its nearest trials, weighed by how
    much each field matters. A grid tries few values of the field that matters most; random trials never repeat one.

    Source: Bergstra and Bengio 2012; CS231n, Neural Networks 3.
    """
    trials = [one for one in scored(study) if one.stage == 0]
    weights = importance(study)
    names = [name for name in weights if name in numeric(study)][:3]
    if len(trials) < 24 or len(names) < 2:
        return None
    at = np.stack([units(study, trials, name)[0] for name in names], axis=1)
    scores = np.array([one.score for one in trials])
    known = np.isfinite(at).all(axis=1)
    at, scores = at[known], scores[known]
    scale = np.sqrt(np.maximum([weights[name] for name in names], 0.01))
    sides = range(2, 8 if len(names) == 2 else 5)
    sizes = [side ** len(names) for side in sides]
    rng = np.random.default_rng(0)
    random = [_best(at, scores, scale, lambda n=size: rng.random((n, len(names)))) for size in sizes]
    grid = [_best(at, scores, scale, lambda n=side: _points(n, rng.random(len(names)))) for side in sides]
    note = f"With {sizes[-1]} trials over {', '.join(clean(name, 24) for name in names)}: {tell(study, random[-1])} at random, {tell(study, grid[-1])} on a grid."
    marks = [
        Line("random", np.array(sizes), np.array(random), "blue"),
        Line("grid", np.array(sizes), np.array(grid), "orange"),
    ]
    return Panel(
        "Random or grid",
        marks,
        x=Axis("trials"),
        y=Axis(f"best {metric_name(study)}", share=is_share(study)),
        note=note,
        height=300,
    )


def _points(side: int, shift: np.ndarray) -> np.ndarray:
    """A grid of `side` values a field, moved by `shift` (0..1 of a cell)."""
    ticks = [(np.arange(side) + one) / side for one in shift]
    return np.stack(np.meshgrid(*ticks), axis=-1).reshape(-1, len(shift))


def _best(at: np.ndarray, scores: np.ndarray, scale: np.ndarray, draw: Callable[[], np.ndarray]) -> float:
    """The mean over 100 searches of the best score among the places that `draw` gives."""
    found = []
    for _ in range(100):
        far = (((draw()[:, None] - at[None]) * scale) ** 2).sum(axis=2)
        nearest = np.argpartition(far, 2, axis=1)[:, :3]
        found.append(scores[nearest].mean(axis=1).max())
    return float(np.mean(found))
