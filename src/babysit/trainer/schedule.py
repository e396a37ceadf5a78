"""How the learning rate changes over a run: pure functions of progress.

A schedule maps `p`, the share of the run that is over (0 <= p < 1), to a factor on the recipe's
`lr`. Every one of them may be preceded by a warm-up, a straight rise over the first share of the
run. Only "plateau" looks at how training goes, so only it has a state.

Source: CS231n, Neural Networks 3, "Annealing the learning rate"; Loshchilov & Hutter 2017 (cosine);
Smith & Topin 2019 (one-cycle); Goyal et al. 2017 (warm-up).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

DROPS = (0.5, 0.75)
"""Where "step" divides lr by ten."""
END = 0.01
"""What is left of lr at the end of "exponential" and "1/t"."""
RISE = 0.3
"""The share of a one-cycle run that rises."""


def constant(p: float) -> float:
    """Always 1."""
    return 1.0


def step(p: float) -> float:
    """1, a tenth after half the run, a hundredth after three quarters."""
    return 0.1 ** sum(p >= drop for drop in DROPS)


def exponential(p: float) -> float:
    """exp(-k p), falling to a hundredth at the end."""
    return END**p


def one_over_t(p: float) -> float:
    """1 / (1 + k p), falling to a hundredth at the end."""
    return 1 / (1 + (1 / END - 1) * p)


def cosine(p: float) -> float:
    """Half a cosine wave, from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * p))


def one_cycle(p: float) -> float:
    """From 1/25 up to 1 over the first 30 %, then down to almost 0, both along a cosine."""
    if p < RISE:
        return 1 / 25 + (1 - 1 / 25) * 0.5 * (1 - math.cos(math.pi * p / RISE))
    return cosine((p - RISE) / (1 - RISE))


SHAPES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "1/t": one_over_t,
    "cosine": cosine,
    "one-cycle": one_cycle,
    "plateau": constant,  # its factor comes from `Plateau`
}


def factor(schedule: str, p: float, warmup: float = 0.0) -> float:
    """The factor on lr when the share `p` of the run is over.

    Args:
        schedule: one of the recipe's names.
        p: 0..1.
        warmup: the share over which lr rises in a straight line before the schedule begins.

    Examples:
        >>> [round(factor("step", p), 3) for p in (0.0, 0.5, 0.8)]
        [1.0, 0.1, 0.01]
        >>> round(factor("cosine", 0.05, warmup=0.1), 3)
        0.5
    """
    if p < warmup:
        return p / warmup
    return SHAPES[schedule]((p - warmup) / (1 - warmup))


@dataclass
class Plateau:
    """lr a third of what it was whenever validation has not got better for `wait` epochs.

    Args:
        wait: epochs without a new best before lr falls.
    """

    wait: int
    factor: float = 1.0
    best: float = -math.inf
    stale: int = 0

    def look(self, score: float) -> float:
        """Take in an epoch's score (higher is better); gives the factor from now on."""
        if score > self.best:
            self.best, self.stale = score, 0
        else:
            self.stale += 1
        if self.stale > self.wait:
            self.factor, self.stale = self.factor / 3, 0
        return self.factor
