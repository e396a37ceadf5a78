"""Fewer points, the same picture: as many as there are pixels, with every spike kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from .panel import Area, Heat, Line, Mark, Panel, StepHeat

Window = tuple[float, float]


def spikes(x: np.ndarray, y: np.ndarray, width: int) -> np.ndarray:
    """Indices of the points to keep: first, last, smallest and largest of each of `width` parts.

    Not-finite values never win over finite ones, and a part that has only such keeps one of them.

    Args:
        x: positions of shape (T,), ascending; parts are equal stretches of x, as pixels are.
        y: values of shape (T,).
        width: pixels.

    Examples:
        >>> spikes(np.arange(12), np.array([0, 0, 9, 0, 0, 0, 0, -9, 0, 0, 0, 0.0]), 2).tolist()
        [0, 2, 5, 6, 7, 11]
    """
    count = len(x)
    if count <= 4 * width:
        return np.arange(count)
    span = float(x[-1] - x[0]) or 1.0
    edges = np.searchsorted(x, x[0] + span * np.arange(1, width) / width)
    starts = np.unique(np.concatenate([[0], edges[edges < count]])).astype(np.int64)
    ends = np.concatenate([starts[1:], [count]]) - 1
    finite = np.isfinite(y)
    low = _arg(np.where(finite, y, np.inf), starts, np.minimum)
    high = _arg(np.where(finite, y, -np.inf), starts, np.maximum)
    return np.unique(np.concatenate([starts, low, high, ends]))


def _arg(y: np.ndarray, starts: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    """The first index in each part at which the part's extreme value stands."""
    best = extreme.reduceat(y, starts)
    lengths = np.diff(np.append(starts, len(y)))
    hits = np.flatnonzero(y == np.repeat(best, lengths))
    part = np.searchsorted(starts, hits, side="right") - 1
    _, first = np.unique(part, return_index=True)
    return hits[first]


def grid(steps: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The value furthest from zero in each of the stretches between `edges`; NaN where there is none."""
    out = np.full(len(edges) - 1, np.nan)
    at = np.searchsorted(steps, edges)
    starts, stops = at[:-1], at[1:]
    full = stops > starts
    if not full.any():
        return out
    size = np.abs(values)
    size = np.where(np.isnan(size), np.inf, size)  # what isn't a number must not vanish
    stretch = size[starts[full][0] : stops[full][-1]]
    out[full] = np.maximum.reduceat(stretch, starts[full] - starts[full][0])
    return _held(out)


def _held(cells: np.ndarray) -> np.ndarray:
    """Until the next reading the last one holds: a reading taken seldom is a stretch, not a dot."""
    known = np.flatnonzero(~np.isnan(cells))
    if len(known):
        inside = np.arange(known[0], len(cells))
        cells[known[0] :] = cells[known[np.searchsorted(known, inside, "right") - 1]]
    return cells


def thin(panel: Panel, width: int = 800, window: Window | None = None) -> Panel:
    """The panel with its series cut to the window of x and thinned to `width` pixels."""
    return panel.edit(marks=[_thin(mark, width, window) for mark in panel.marks])


def _thin(mark: Mark, width: int, window: Window | None) -> Mark:
    if isinstance(mark, Line):
        return _line(mark, width, window)
    if isinstance(mark, Area):
        x, low, high = _cut(window, np.asarray(mark.x), np.asarray(mark.low, float), np.asarray(mark.high, float))
        keep = np.union1d(spikes(x, low, width // 2), spikes(x, high, width // 2))
        return Area(mark.name, x[keep], low[keep], high[keep], mark.tone)
    if isinstance(mark, StepHeat):
        return _heat(mark, width, window)
    return mark


def _line(line: Line, width: int, window: Window | None) -> Line:
    x, y = np.asarray(line.x), np.asarray(line.y, float)
    if line.text or len(x) < 2 or np.any(np.diff(x) < 0):
        return line
    x, y = _cut(window, x, y)
    keep = spikes(x, y, width)
    return Line(line.name, x[keep], y[keep], line.tone, line.style, line.label)


def _heat(heat: StepHeat, width: int, window: Window | None) -> Heat:
    rows = [(name, np.asarray(steps), np.asarray(values, float)) for name, steps, values in heat.series]
    known = [steps for _, steps, _ in rows if len(steps)]
    low = min((steps[0] for steps in known), default=0)
    high = max((steps[-1] for steps in known), default=1)
    if window is not None:
        low, high = max(low, window[0]), min(high, window[1])
    most = max((int(np.searchsorted(s, high, "right") - np.searchsorted(s, low)) for s in known), default=1)
    columns = int(max(1, min(width // 3, 240, most)))
    edges = np.linspace(low, max(high, low) + max(1e-9, (high - low) / max(1, columns) * 1e-6) + (1 if columns == 1 else 0), columns + 1)  # fmt: skip
    cells = np.stack([grid(steps, values, edges) for _, steps, values in rows]) if rows else np.empty((0, columns))
    middles = (edges[:-1] + edges[1:]) / 2
    return Heat([name for name, _, _ in rows], middles, cells, heat.scale, heat.label)


def _cut(window: Window | None, x: np.ndarray, *series: np.ndarray) -> list[np.ndarray]:
    """The part inside the window, with one point on either side so that lines go on to the edge."""
    if window is None or not len(x):
        return [x, *series]
    start = max(0, int(np.searchsorted(x, window[0])) - 1)
    stop = int(np.searchsorted(x, window[1], "right")) + 1
    return [one[start:stop] for one in (x, *series)]


def smooth(steps: Any, values: Any, share: float = 0.03, most: int = 1200) -> tuple[np.ndarray, np.ndarray]:
    """A centred moving mean over `share` of the points, at no more than `most` steps; what isn't finite is left out.

    Sums are never taken further than their own window: a loss that was 1e20 once leaves no trace after it.

    Examples:
        >>> smooth([0, 1, 2], [0.0, 3.0, 6.0], share=1.0)[1].tolist()
        [1.5, 3.0, 4.5]
    """
    steps, values = np.asarray(steps), np.asarray(values, float)
    if len(values) < 3:
        return steps, values
    finite = np.isfinite(values)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        sums, counts = np.where(finite, values, 0.0), finite.astype(float)
        if len(values) > most:
            starts = np.unique(np.linspace(0, len(values), most + 1).astype(int)[:-1])
            sums, counts = np.add.reduceat(sums, starts), np.add.reduceat(counts, starts)
            steps = steps[(starts + np.append(starts[1:], len(values)) - 1) // 2]
        half = max(1, int(len(sums) * share / 2))
        window = np.ones(2 * half + 1)
        sums, counts = (np.convolve(one, window)[half : half + len(sums)] for one in (sums, counts))
        return steps, np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
