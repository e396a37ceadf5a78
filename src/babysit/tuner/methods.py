"""The ways to draw trials, by name: ours, and what it is compared with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import RecipeError, did_you_mean
from .space import Space
from .stages import Seen, Staged

OPTUNA = ("tpe", "cmaes", "gp", "nsgaii", "brute")
"""Samplers of Optuna's that can be asked for by name; any other is handed in as an object."""


class Random:
    """Every trial from the whole space."""

    def __init__(self, space: Space, seed: int = 0) -> None:
        self.space, self.seed = space, seed

    def propose(self, count: int, stage: int, seen: Seen) -> np.ndarray:
        return np.random.default_rng([self.seed, 0xDA7A, stage]).random((count, len(self.space)))


class Sobol:
    """A low-discrepancy sequence, scrambled."""

    def __init__(self, space: Space, seed: int = 0) -> None:
        from torch.quasirandom import SobolEngine

        self.space = space
        self._engine = SobolEngine(len(space), scramble=True, seed=seed)

    def propose(self, count: int, stage: int, seen: Seen) -> np.ndarray:
        self._engine.reset().fast_forward(len(seen.scores))
        return self._engine.draw(count).double().numpy()


class Grid:
    """As many values of each field as the number of trials allows, in every combination, coarse values first."""

    def __init__(self, space: Space, seed: int = 0, total: int = 100) -> None:
        self.space, self.seed = space, seed
        self._points = self._lattice(total)

    def propose(self, count: int, stage: int, seen: Seen) -> np.ndarray:
        start = len(seen.scores)
        return self._points[np.arange(start, start + count) % len(self._points)]

    def _lattice(self, total: int) -> np.ndarray:
        counts = [1] * len(self.space)
        most = [len(one.options) if not one.is_number else total for one in self.space.values()]
        while True:
            grows = [i for i in range(len(counts)) if counts[i] < most[i]]
            grows = [i for i in grows if np.prod(counts) // counts[i] * (counts[i] + 1) <= max(total, 1)]
            if not grows:
                break
            counts[min(grows, key=lambda i: counts[i])] += 1
        axes = [(np.arange(count) + 0.5) / count for count in counts]
        points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], 1)
        return np.random.default_rng([self.seed, 0x6121D]).permutation(points)


OWN: dict[str, Callable[..., Any]] = {"staged": Staged, "random": Random, "sobol": Sobol, "grid": Grid}


def optuna_sampler(asked: Any, seed: int) -> Any:
    """One of Optuna's samplers, by name or as it was handed in."""
    if not isinstance(asked, str):
        return asked
    import optuna

    samplers = optuna.samplers
    made = {
        "tpe": lambda: samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True, warn_independent_sampling=False
        ),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
        "gp": lambda: samplers.GPSampler(seed=seed),
        "nsgaii": lambda: samplers.NSGAIISampler(seed=seed),
        "brute": lambda: samplers.BruteForceSampler(seed=seed),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Optuna's own word for experimental options
        return made[asked]()


def known(name: str) -> None:
    """A RecipeError unless there is such a method."""
    names = (*OWN, *OPTUNA)
    if name not in names:
        raise RecipeError(f"method has no {name!r}{did_you_mean(name, names)}")
