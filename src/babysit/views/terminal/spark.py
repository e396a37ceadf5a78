"""Curves and bars out of block characters, one row high."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-~=+*#"


def spark(values: Sequence[float] | np.ndarray, width: int = 24, *, blocks: str = BLOCKS) -> str:
    """A curve in at most `width` characters; each shows the largest of its part, so that no spike is lost.

    Values that span more than a factor 30 are drawn on a log scale; what isn't finite is an `×`.

    Examples:
        >>> spark([1, 2, 3, 4, 5, 6, 7, 8])
        '▁▂▃▄▅▆▇█'
        >>> spark([1.0, 2.0, float("nan")])
        '▁█×'
        >>> spark([])
        ''
    """
    values = np.asarray(values, np.float64)
    if not len(values) or width < 1:
        return ""
    edges = np.linspace(0, len(values), min(width, len(values)) + 1).astype(int)
    parts = [values[start:stop] for start, stop in itertools.pairwise(edges)]
    tops = np.array([part.max() for part in parts])  # NaN and inf win, and are shown
    known = [float(one) for one in tops if math.isfinite(one)]
    if not known:
        return "×" * len(tops)
    low, high = min(known), max(known)
    log = low > 0 and high / 30 > low
    scale = math.log if log else (lambda value: value / 2)  # halves: a difference of large values stays finite
    low, high = scale(low), scale(high)
    return "".join(_block(scale(one) if math.isfinite(one) else one, low, high, blocks) for one in tops.tolist())


def level(share: float, *, blocks: str = BLOCKS) -> str:
    """One character for a share 0..1.

    Examples:
        >>> level(0), level(0.5), level(1), level(float("nan"))
        ('▁', '▅', '█', '·')
    """
    if not math.isfinite(share):
        return "·"
    return blocks[min(int(min(max(share, 0.0), 1.0) * len(blocks)), len(blocks) - 1)]


def _block(value: float, low: float, high: float, blocks: str) -> str:
    if not math.isfinite(value):
        return "×"
    return level((value - low) / (high - low), blocks=blocks) if high > low else blocks[len(blocks) // 2 - 1]
