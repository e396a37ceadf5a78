"""Coarse to fine: where to draw next, and how long to train what was drawn. Pure NumPy, in the unit cube.

A stage draws many trials at once, trains them for a few epochs, drops most, trains the rest for longer, and so on
(halving). The next stage draws most of its trials from boxes around the best so far, each stage
smaller ones, and of many such points takes those that a guess from all trials so far says could be the best; a share stays
global. A best value at the edge of its range widens the range.

Source: CS231n, Training Neural Networks II, babysitting and hyperparameter optimization (coarse to fine, random in log
space); Jamieson & Talwalkar 2016 (halving).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .job import JUDGED_FROM
from .space import Space

# Chosen on the odd-numbered half of lcbench's data sets; see bench/search.py for the other half.
KEEP = 3.0
"""A rung keeps one trial in so many, and trains it so many times longer."""
SHRINK = 0.6
"""A box is so many times as wide as the one before."""
SMALLEST = 0.12
"""... but never narrower than this share of the range."""
GLOBAL = 0.15
"""Share of each later stage's trials that are drawn from the whole space."""
STAGES = 5
"""Stages of a search."""
MODELLED = 0.7
"""Share of each later stage's trials that a guess at what they would come to (`surrogate`) chooses among many."""
CANDIDATES = (300, 200)
"""How many it chooses among: from the boxes, and from everywhere."""
AT_ONCE = 256
"""Points that it chooses at once: what it needs grows with their square (2 GB for 1,700)."""
ENOUGH = 16
"""Trials before there is a guess."""
CENTRES = 3
"""Boxes stand around so many of the best, the better the more trials."""
EDGE = 0.05
"""A best value within this share of an end is at the edge; the range is then widened by WIDEN of its width."""
WIDEN = 0.25


def ladder(epochs: int, keep: float = KEEP, first: int = JUDGED_FROM) -> list[int]:
    """The epochs at which a stage's trials are compared: the last is a full training, none is below two.

    Examples:
        >>> ladder(52), ladder(9), ladder(2), ladder(1)
        ([2, 6, 17, 52], [3, 9], [2], [1])
    """
    rungs = [epochs]
    while rungs[0] / keep >= first * 0.9:
        rungs.insert(0, max(first, round(rungs[0] / keep)))
    return rungs


def survivors(count: int, rung: int, rungs: int, keep: float = KEEP) -> int:
    """How many of a stage's `count` trials go on after rung number `rung` (counted from 0)."""
    if rung >= rungs - 1:
        return 0
    return max(1, round(count / keep ** (rung + 1)))


def sizes(trials: int, stages: int = STAGES, least: int = 16) -> list[int]:
    """How many trials each stage has: many first, then fewer; together exactly `trials`.

    Examples:
        >>> sizes(100), sum(sizes(1000)), sizes(10)
        ([26, 23, 19, 16, 16], 1000, [10])
    """
    stages = max(1, min(stages, trials // least))
    weights = np.array([0.8**stage for stage in range(stages)])
    counts = np.floor(weights / weights.sum() * trials).astype(int)
    counts = np.maximum(counts, min(least, trials // stages))
    while counts.sum() > trials:
        counts[int(counts.argmax())] -= 1
    counts[0] += trials - counts.sum()
    return sorted(counts.tolist(), reverse=True)


@dataclass
class Seen:
    """What is known when a stage begins.

    Attributes:
        units: (T, D) points, NaN where a field wasn't set.
        scores: (T,) the newest score of each, higher is better; minus infinity for what broke down.
        epochs: (T,) that each was trained.
        curves: the score after each epoch, where it is known.
    """

    units: np.ndarray
    scores: np.ndarray
    epochs: np.ndarray
    curves: Sequence[Sequence[float]] = field(default_factory=list)

    def best_first(self) -> np.ndarray:
        """Indices of the finite ones: longest trained first, then by score."""
        order = np.lexsort((-self.scores, -self.epochs))
        return order[np.isfinite(self.scores[order])]


class Staged:
    """Draws a stage's trials from boxes around the best so far.

    Args:
        space: its dimensions give the unit cube.
        seed: of the draws; a stage's draws depend on it, on the stage's number and on what was seen.
    """

    def __init__(
        self, space: Space, seed: int = 0, *, shrink: float = SHRINK, smallest: float = SMALLEST,
        share_global: float = GLOBAL, centres: int = CENTRES, modelled: float = MODELLED,
    ) -> None:  # fmt: skip
        self.space, self.seed, self.modelled = space, seed, modelled
        self.shrink, self.smallest, self.share_global, self.centres = shrink, smallest, share_global, centres

    def width(self, stage: int) -> float:
        """How wide a stage's box is, as a share of the range."""
        return max(self.smallest, self.shrink**stage)

    def propose(self, count: int, stage: int, seen: Seen) -> np.ndarray:
        """The points (count, D) of a stage."""
        draw = np.random.default_rng([self.seed, 0xB0C5, stage])
        order = seen.best_first()
        points = stratified(draw, count, len(self.space))
        if stage == 0 or not len(order):
            return points
        points = self._around(draw, points, stage, seen, order)
        chosen = round(count * self.modelled) if len(order) >= ENOUGH else 0
        if chosen:
            points[:chosen] = self._promising(draw, chosen, stage, seen, order)
        return points

    def _promising(
        self, draw: np.random.Generator, count: int, stage: int, seen: Seen, order: np.ndarray
    ) -> np.ndarray:
        """Points that could well be the best, each by another function that fits what was seen."""
        from .surrogate import Surrogate

        found: Surrogate | None = None
        points: list[np.ndarray] = []
        for start in range(0, count, AT_ONCE):
            some = min(AT_ONCE, count - start)
            near, anywhere = (max(number, 2 * some) for number in CANDIDATES)
            boxes = self._around(draw, stratified(draw, near, len(self.space)), stage, seen, order)
            candidates = np.concatenate([boxes, stratified(draw, anywhere, len(self.space))])
            found = found or Surrogate(self.space, seen.units, seen.scores, seen.epochs, int(seen.epochs.max()), draw)
            points.append(found.sample(candidates, some))
        return np.concatenate(points)

    def _around(
        self, draw: np.random.Generator, points: np.ndarray, stage: int, seen: Seen, order: np.ndarray
    ) -> np.ndarray:
        count = len(points)
        centres = seen.units[order[: self.centres]]
        weights = 0.5 ** np.arange(len(centres))
        chosen = centres[draw.choice(len(centres), count, p=weights / weights.sum())]
        local = draw.random(count) >= self.share_global
        width = self.width(stage)
        for column, one in enumerate(self.space.values()):
            centre, unit = chosen[:, column], points[:, column]
            known = local & np.isfinite(centre)
            if one.is_number:
                low = np.clip(np.nan_to_num(centre) - width / 2, 0, 1 - width) if width < 1 else np.zeros(count)
                points[:, column] = np.where(known, low + unit * min(width, 1.0), unit)
            else:
                stays = draw.random(count) >= width  # the narrower the box, the rarer another option
                points[:, column] = np.where(known & stays, centre, unit)
        return points

    def box(self, stage: int, seen: Seen) -> dict[str, list[float]]:
        """The best one's box, field -> [low, high] as values, for people to read (numbers only)."""
        order = seen.best_first()
        width = self.width(stage)
        found = {}
        for column, (name, one) in enumerate(self.space.items()):
            if not one.is_number:
                continue
            centre = seen.units[order[0], column] if len(order) and stage else math.nan
            if not math.isfinite(centre):
                found[name] = [one.value(0.0), one.value(1.0)]
            else:
                low = float(np.clip(centre - width / 2, 0, 1 - width))
                found[name] = [one.value(low), one.value(low + width)]
        return found


def at_edge(space: Space, seen: Seen, edge: float = EDGE, of: int = 3) -> list[tuple[str, str]]:
    """(field, "low" or "high") where the best lies at the end of a range and most of the best few lie near that end."""
    order = seen.best_first()[:of]
    found: list[tuple[str, str]] = []
    for column, (name, one) in enumerate(space.items()):
        values = seen.units[order, column] if len(order) else np.empty(0)
        if not one.is_number or not len(values) or not np.isfinite(values[0]):
            continue
        values = values[np.isfinite(values)]
        for side, distance in (("low", values), ("high", 1 - values)):
            if distance[0] <= edge and float(np.median(distance)) <= 3 * edge:
                found.append((name, side))
    return found


def stratified(draw: np.random.Generator, count: int, dimensions: int) -> np.ndarray:
    """Random points (count, D) with one in each of `count` slices of every dimension (Latin hypercube)."""
    columns = [(draw.permutation(count) + draw.random(count)) / count for _ in range(dimensions)]
    return np.stack(columns, 1) if columns else np.empty((count, 0))
