"""How sure an effect is: Student's interval of a mean over seeds. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95


def interval(values: Sequence[float] | np.ndarray, *, ratio: bool = False) -> tuple[float, float, float]:
    """Mean, and the ends of Student's 95 % interval of it.

    Args:
        values: one for each seed, at least two.
        ratio: values are ratios: the mean is geometric and the interval that of the logarithms.

    Returns:
        (mean, low, high); where some value isn't finite, nothing is sure: (median, -inf or 0, inf).

    Examples:
        >>> [round(one, 3) for one in interval([1.0, 2.0, 3.0, 4.0, 5.0])]
        [3.0, 1.037, 4.963]
        >>> [round(one, 3) for one in interval([1.0, 10.0, 100.0], ratio=True)]
        [10.0, 0.033, 3048.862]

    Source:
        Student 1908.
    """
    array = np.asarray(values, float)
    if len(array) < 2:
        raise ValueError(f"an interval needs at least 2 values, but got {len(array)}")
    if ratio:
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(array)
        if not np.isfinite(logs).all():
            return (float(np.median(array)), 0.0, math.inf) if (array != array[0]).any() else _point(array)
        centre, low, high = interval(logs)
        return math.exp(centre), math.exp(max(low, -700.0)), math.exp(min(high, 700.0))
    if np.all(array == array[0]):
        return _point(array)
    if not np.isfinite(array).all():
        return float(np.median(array)), -math.inf, math.inf
    centre = float(array.mean())
    half = student(len(array) - 1) * float(array.std(ddof=1)) / math.sqrt(len(array))
    return centre, centre - half, centre + half


def _point(array: np.ndarray) -> tuple[float, float, float]:
    return float(array[0]), float(array[0]), float(array[0])


def student(freedom: int, confidence: float = CONFIDENCE) -> float:
    """The two-sided quantile of Student's t, by bisection on its integral.

    Examples:
        >>> round(student(4), 4), round(student(9), 4), round(student(1), 3)
        (2.7764, 2.2622, 12.706)
    """
    wanted = (1 - confidence) / 2
    low, high = 0.0, 1000.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(middle, freedom) > wanted else (low, middle)
    return (low + high) / 2


def _tail(t: float, freedom: int) -> float:
    """P(T > t), exactly, by the finite series for whole degrees of freedom (Abramowitz & Stegun 26.7.3)."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2 == 1
    term, total = (cosine, cosine) if odd else (1.0, 1.0)
    if freedom == 1:
        total = 0.0
    for index in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * (index - 1) / index
        total += term
    within = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 - within) / 2


def best_of(scores: Sequence[float] | np.ndarray, count: int) -> float:
    """The expected best of `count` of the scores drawn without replacement, exactly.

    Examples:
        >>> best_of([0.1, 0.2, 0.9], 1), best_of([0.1, 0.2, 0.9], 3)
        (0.4, 0.9)
        >>> round(best_of([0.0, 0.0, 0.0, 1.0], 2), 3)
        0.5
    """
    ordered = np.sort(np.asarray(scores, float))
    total = math.comb(len(ordered), count)
    shares = [math.comb(index, count - 1) / total for index in range(len(ordered))]
    return round(float(np.dot(ordered, shares)), 12)


def lowest(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float:
    """Where y > 0 is lowest over x > 0, between points by a parabola through the logarithms of the lowest and its neighbours.

    Never further than half way to a neighbour; the point itself at an end, or where a neighbour isn't finite.

    Examples:
        >>> round(lowest([1, 10, 100], [2.0, 1.0, 2.0]), 6), lowest([1, 10, 100], [1.0, 2.0, 3.0])
        (10.0, 1.0)
        >>> round(lowest([1, 10, 100], [2.0, 1.0, 1.0]), 2)
        31.62
    """
    at = int(np.nanargmin(y))
    if not 0 < at < len(y) - 1 or not np.isfinite(y[at - 1 : at + 2]).all():
        return float(x[at])
    a, b, c = np.log(np.maximum(np.asarray(y[at - 1 : at + 2], float), 1e-300))
    bend = a - 2 * b + c
    shift = float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend > 0 else 0.0
    beside = x[at + 1] if shift > 0 else x[at - 1]
    return float(x[at] * (beside / x[at]) ** abs(shift))


def first_below(curve: np.ndarray, steps: np.ndarray, bar: float) -> float:
    """The step at which a curve (T,) first lies at or below `bar`, between two looks by a straight line; inf if never.

    Examples:
        >>> first_below(np.array([2.0, 1.0, 0.0]), np.array([0, 10, 20]), 0.5)
        15.0
    """
    under = np.flatnonzero(curve <= bar)
    if not len(under):
        return math.inf
    at = int(under[0])
    if at == 0:
        return float(steps[0])
    before, after = float(curve[at - 1]), float(curve[at])
    if not math.isfinite(before):
        return float(steps[at])
    return float(steps[at - 1] + (steps[at] - steps[at - 1]) * (before - bar) / (before - after))
