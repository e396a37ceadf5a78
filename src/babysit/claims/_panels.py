"""Figures that several claims share: curves with their spread over seeds, bars with a bar to pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..views.panel import Area, Axis, Line, Panel


def spread(name: str, x: Any, rows: Any, tone: str = "", *, style: Any = "line", label: bool = True) -> list[Any]:
    """The median over seeds as a line in the area between lowest and highest. `rows`: (seeds, T)."""
    array = np.asarray(rows, float)
    array = np.where(np.isfinite(array), array, np.nan)
    known = np.isfinite(array).any(0)
    xs, array = np.asarray(x)[known], array[:, known]
    if not array.size:
        return []
    line = Line(name, xs, np.nanmedian(array, 0), tone, style, label)
    return [Area(name, xs, np.nanmin(array, 0), np.nanmax(array, 0), tone), line]


def dots(name: str, x: Any, y: Any, tone: str = "") -> Line:
    """One point for each seed."""
    return Line(name, np.asarray(x, float), np.asarray(y, float), tone, "dots", label=False)


def arms(
    title: str, values: Mapping[str, Any], x: Axis, tones: Mapping[str, str] | None = None, **options: Any
) -> Panel:
    """One row for each arm, the first on top: a dot for each seed, and their mean. `values`: name -> (seeds,)."""
    names = list(values)[::-1]
    marks = []
    for row, name in enumerate(names):
        own = np.asarray(values[name], float)
        tone = (tones or {}).get(name, "blue")
        marks += [dots("seeds", own, np.full(len(own), row), tone), dots("mean", [own.mean()], [row], "ink")]
    room = 0.6 if options.get("limits") else 0.0  # for their words
    y = Axis(names=tuple(names), low=-0.6, high=len(names) - 0.4 + room)
    note = options.pop("note", "")
    told = f"Coloured: the seeds; dark: their mean. {note}".strip()
    return Panel(title, marks, x=x, y=y, note=told, **{"height": 60 + 34 * len(names), **options})


def smooth(curve: np.ndarray, window: int = 3) -> np.ndarray:
    """A running mean along the first axis, the ends kept."""
    if len(curve) < window:
        return curve
    pad = window // 2
    padded = np.concatenate([curve[:1].repeat(pad, 0), curve, curve[-1:].repeat(window - 1 - pad, 0)])
    total = np.cumsum(np.concatenate([np.zeros_like(padded[:1]), padded]), 0)
    return (total[window:] - total[:-window]) / window
