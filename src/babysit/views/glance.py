"""Layers × time: one reading of the whole network as a heat map."""

from __future__ import annotations

import numpy as np

from ..record import Run
from .health import layers
from .panel import STEPS, Axis, Panel, StepHeat, Value
from .words import bare, clean, number, share


def glance(run: Run, what: str, title: str, scale: str, label: str, only: str = "") -> Panel | None:
    """Every place of a reading as a row, in the order of the forward pass; None for fewer than two."""
    order = {name: index for index, name in enumerate(layers(run))}
    places = [where for where in run.places(what) if where.endswith(only)] or run.places(what)
    places = sorted(places, key=lambda where: order.get(where, order.get(where.rpartition(".")[0], len(order))))
    series = [(where, run.series(what, where)) for where in places]
    series = [(where, one) for where, one in series if len(one)]
    if len(series) < 2:
        return None
    short = bare([where for where, _ in series])
    last = [(one.last, name) for name, (_, one) in zip(short, series, strict=True) if np.isfinite(one.last)]
    tell = share if scale == "share" else lambda value: number(value, 2)
    values = []
    if last:
        highest, lowest = max(last), min(last)
        values = [
            Value(
                "most",
                f"{tell(highest[0])} in {clean(highest[1], 30)}" if highest[0] or scale != "share" else tell(0.0),
                "bad" if scale == "share" and highest[0] > 0.4 else "",
            )
        ]
        if scale != "share":
            values.append(Value("least", f"{tell(lowest[0])} in {clean(lowest[1], 30)}"))
    rows = [(clean(name, 40), one.steps, one.values) for name, (_, one) in zip(short, series, strict=True)]
    height = int(min(520, max(170, 60 + 16 * len(rows))))
    mark = StepHeat(rows, scale, label)  # type: ignore[arg-type]
    zero = scale == "log" and any((one.values == 0).any() for _, one in series)
    note = "Empty where it is exactly 0." if zero else ""
    return Panel(title, [mark], x=STEPS, y=Axis(), values=values, height=height, note=note)
