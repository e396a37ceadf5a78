"""What a search sees: many small networks trained at points of a space, and the scores they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._material import Examples
from ._networks import fleet, mlps

LR = (1e-5, 10.0)
DECAY = (1e-6, 1e-1)
WORST = 1e3


@dataclass
class Trials:
    """By trial (N,): validation accuracy and loss at the end, test accuracy; curves (T, N) of the training cost, steps (T,)."""

    val: np.ndarray
    val_loss: np.ndarray
    test: np.ndarray
    curves: np.ndarray
    steps: np.ndarray
    first: np.ndarray


def trained(
    rows: Examples, lr: Sequence[float] | np.ndarray, decay: Sequence[float] | np.ndarray | float, seeds: Sequence[int], steps: int,
    *, width: int = 32, depth: int = 2, every: int | None = None, chunk: int = 128, momentum: float = 0.9,
) -> Trials:  # fmt: skip
    """Each (lr, decay, seed) one network of two layers, SGD with momentum; cost is loss plus penalty."""
    lr, decay = np.asarray(lr, float), np.broadcast_to(np.asarray(decay, float), np.shape(lr))
    every = every or max(1, steps // 10)
    parts: list[Trials] = []
    for start in range(0, len(lr), chunk):
        cut = slice(start, start + chunk)
        own = list(seeds[start : start + chunk])
        cache = {seed: mlps(rows, [seed], width=width, depth=depth)[0] for seed in set(own)}
        ships = fleet([[cache[seed] for seed in own]], own, lr=lr[cut], decay=decay[cut], momentum=momentum)
        first = ships.loss(rows.x, rows.y) + ships.penalty().numpy()
        run = ships.train(rows.x, rows.y, steps, every=every, see=lambda one: one.penalty().numpy().copy())
        penalty = np.stack(run.seen[-len(run.loss) :]) if len(run.seen) >= len(run.loss) else np.zeros_like(run.loss)
        finite = np.isfinite(ships.loss(rows.x, rows.y))
        loss = np.nan_to_num(ships.loss(rows.val_x, rows.val_y), nan=WORST, posinf=WORST).clip(None, WORST)
        val, test = (
            np.where(finite, ships.accuracy(*part), 0.0)
            for part in ((rows.val_x, rows.val_y), (rows.test_x, rows.test_y))
        )
        parts.append(Trials(val, loss, test, run.loss + penalty, run.steps, first))
    join = lambda name: np.concatenate([getattr(one, name) for one in parts])  # noqa: E731
    return Trials(
        join("val"),
        join("val_loss"),
        join("test"),
        np.concatenate([one.curves for one in parts], 1),
        parts[0].steps,
        join("first"),
    )


def log_uniform(draw: np.random.Generator, ends: tuple[float, float], count: int) -> np.ndarray:
    """10 to a uniform exponent."""
    return 10 ** draw.uniform(np.log10(ends[0]), np.log10(ends[1]), count)


def grid(ends: tuple[float, float], count: int, place: float = 0.5) -> np.ndarray:
    """One point in each of `count` equal cells of a logarithmic range, `place` of the way through each."""
    low, high = np.log10(ends)
    return 10 ** (low + (np.arange(count) + place) / count * (high - low))
