"""Is it better, and by more than noise: the paired comparison that a cure stands on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

SEEDS = 5
"""Five pairs give a smallest possible p of 1/32."""
MORE_SEEDS = 3
"""So many more pairs where five leave it open."""
LIMIT = 1 / 2**SEEDS
SMALLEST_GAIN = 0.01
"""One point of accuracy or of R²: less is no cure, however sure."""
SMALLEST_LOSS = 0.1
"""A tenth off the loss, where there is no other score."""


LARGE_GAIN = 0.1
LARGE_LOSS = 0.5
"""The same where nothing was found wrong: a tuned rate gains a point or two in many a healthy training."""


def smallest_gain(kind: str, before: float, *, large: bool = False) -> float:
    """The least gain in a score of this kind that is a cure.

    Examples:
        >>> smallest_gain("validation accuracy", 0.5)
        0.01
        >>> smallest_gain("loss", -20.0)
        2.0
    """
    if kind == "loss":
        return (LARGE_LOSS if large else SMALLEST_LOSS) * abs(before)
    return LARGE_GAIN if large else SMALLEST_GAIN


@dataclass(frozen=True)
class Comparison:
    """Scores of the same seeds without and with an edit.

    Attributes:
        p: one-sided sign-flip p: the share of all sign patterns of the differences whose mean is at
            least the one found.
        gain: mean difference.
        noise: standard error of the mean difference between two unedited trainings.
        least: the smallest gain that counts.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    p: float
    gain: float
    noise: float
    least: float = SMALLEST_GAIN

    @property
    def proven(self) -> bool:
        """p at its limit, and a gain that counts and is at least three times the noise (twice, over more seeds)."""
        times = 3 if len(self.after) < SEEDS + MORE_SEEDS else 2
        return len(self.after) >= SEEDS and self.p <= LIMIT and self.gain >= max(self.least, times * self.noise)

    @property
    def open(self) -> bool:
        """Might more seeds prove it?"""
        return SEEDS <= len(self.after) < SEEDS + MORE_SEEDS and not self.proven and self.gain >= self.least


def compare(before: Sequence[float], after: Sequence[float], *, least: float = SMALLEST_GAIN) -> Comparison:
    """Compare paired scores of shape (S,), one pair a seed.

    Examples:
        >>> compare([0.1, 0.2, 0.1, 0.2, 0.1], [0.9, 0.9, 0.8, 0.9, 0.9]).p
        0.03125
        >>> compare([0.1, 0.2], [0.1, 0.1]).proven
        False

    Source:
        Fisher's randomization test, The Design of Experiments, 1935, for paired differences.
    """
    pairs = list(zip(before, after, strict=True))
    differences = [b - a for a, b in pairs]
    if not pairs:
        return Comparison((), (), 1.0, 0.0, 0.0, least)
    observed = sum(differences)
    flips = itertools.product((1, -1), repeat=len(differences))
    slack = 1e-12 * (1 + sum(map(abs, differences)))
    as_large = sum(sum(s * d for s, d in zip(signs, differences, strict=True)) >= observed - slack for signs in flips)
    noise = sd(before) * math.sqrt(2 / len(before))
    return Comparison(tuple(before), tuple(after), as_large / 2 ** len(pairs), observed / len(pairs), noise, least)


def mean(values: Sequence[float]) -> float:
    """The mean, NaN of nothing."""
    return sum(values) / len(values) if values else math.nan


def sd(values: Sequence[float]) -> float:
    """The standard deviation of a sample, 0 below two values."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    return math.sqrt(sum((value - centre) ** 2 for value in values) / (len(values) - 1))
