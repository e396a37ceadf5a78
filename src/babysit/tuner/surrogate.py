"""A guess at what an untried recipe would come to: a Gaussian process over the trials so far, in NumPy and SciPy.

Inputs are the points of the unit cube and how long each trial was trained, so short trials tell of long ones.
It costs a tenth of a second a stage, whatever the trials cost.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import solve_triangular

from .space import Space

MOST = 300
"""Trials that are looked at: all of the longest trained, then the newest."""
TRIES = 15
"""Length scales tried, by marginal likelihood."""


class Surrogate:
    """Fitted to seen trials; draws functions that could be the truth.

    Args:
        units: (T, D), NaN where a field wasn't set.
        scores: (T,), higher is better; minus infinity for what broke down.
        epochs: (T,) that each was trained; `full` those of a whole training.
    """

    def __init__(
        self,
        space: Space,
        units: np.ndarray,
        scores: np.ndarray,
        epochs: np.ndarray,
        full: int,
        draw: np.random.Generator,
    ) -> None:
        self.space, self.draw = space, draw
        keep = np.lexsort((-np.arange(len(scores)), -epochs))[:MOST]
        self._full = math.log(max(full, 1) + 1)
        x = self._inputs(units[keep], epochs[keep])
        y = _normal(scores[keep])
        self._fit(x, y)

    def sample(self, candidates: np.ndarray, count: int) -> np.ndarray:
        """`count` <= M of the candidates (M, D): the best of as many functions drawn, at a full training (count, D)."""
        full = np.full(len(candidates), math.exp(self._full) - 1)
        z = self._inputs(candidates, full)
        cross = self._kernel(z, self._x)
        mean = cross @ self._weights
        half = solve_triangular(self._root, cross.T, lower=True)
        covariance = self._kernel(z, z) - half.T @ half
        root = np.linalg.cholesky(covariance + 1e-5 * np.eye(len(z)))
        values = mean[:, None] + root @ self.draw.standard_normal((len(z), count))
        chosen: list[int] = []
        free = np.ones(len(z), bool)
        for column in values.T:
            best = int(np.where(free, column, -np.inf).argmax())
            free[best] = False
            chosen.append(best)
        return candidates[chosen]

    def _inputs(self, units: np.ndarray, epochs: np.ndarray) -> np.ndarray:
        """Points as the kernel sees them: a choice is one column per option, an unset field stands in the middle."""
        columns = []
        for column, one in enumerate(self.space.values()):
            values = np.where(np.isfinite(units[:, column]), units[:, column], 0.5)
            if one.is_number:
                columns.append(values)
            else:
                number = np.minimum((values * len(one.options)).astype(int), len(one.options) - 1)
                columns.extend((number == option) * 0.5 for option in range(len(one.options)))
        length = np.log(epochs + 1.0) / max(self._full, 1e-9)
        return np.column_stack([*columns, length]).astype(float)

    def _fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self._x, best = x, -math.inf
        sizes, chosen = x.shape[1], np.full(x.shape[1], 0.5)
        for number in range(TRIES):
            scale = np.exp(self.draw.normal(math.log(0.5), 0.7, sizes)) if number else np.full(sizes, 0.5)
            noise = math.exp(self.draw.uniform(math.log(0.01), math.log(0.3))) if number else 0.05
            try:
                found = self._likelihood(x, y, scale, noise)
            except np.linalg.LinAlgError:
                continue
            if found[0] > best:
                best, chosen = found[0], scale
                self._root, self._weights = found[1], found[2]
        self._scale = chosen

    def _likelihood(
        self, x: np.ndarray, y: np.ndarray, scale: np.ndarray, noise: float
    ) -> tuple[float, np.ndarray, np.ndarray]:
        self._scale = scale
        kernel = self._kernel(x, x)
        kernel[np.diag_indices_from(kernel)] += noise
        root = np.linalg.cholesky(kernel)
        half = solve_triangular(root, y, lower=True)
        weights = solve_triangular(root.T, half)
        return float(-0.5 * half @ half - np.log(np.diag(root)).sum()), root, weights

    def _kernel(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Matérn 5/2."""
        a, b = a / self._scale, b / self._scale
        squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T
        r = np.sqrt(5 * np.maximum(squares, 0))
        return (1 + r + r * r / 3) * np.exp(-r)


def _normal(scores: np.ndarray) -> np.ndarray:
    """Scores of mean 0 and sd 1, the bad tail drawn in: how bad a bad trial is says nothing about the good ones."""
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return np.zeros(len(scores))
    low = np.median(finite) - 1.0 * (finite.max() - np.median(finite) + 1e-9)
    values = np.maximum(np.where(np.isfinite(scores), scores, low), low)
    return (values - values.mean()) / (values.std() + 1e-9)
