"""A whole run on one screen: what it was, how it went, how its layers are, what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.text import Text

from ...record import Run
from ..facts import mapping
from ..health import layers
from ..verdict import span
from ..words import clean, count, duration, ending, number, share, whereabouts
from .grid import Grid, Row
from .judgement import verdict_text

_CURVES = (
    ("loss.train", "loss"), ("loss.val", "val loss"), ("accuracy.train", "accuracy"), ("accuracy.val", "val accuracy"),
    ("r2.train", "R²"), ("r2.val", "val R²"), ("lr", "learning rate"), ("gradient.total", "gradient norm"),
)  # fmt: skip
_SHARES = ("accuracy.", "activation.dead", "activation.saturated")


def run_text(run: Run, verdict: Any = None, *, all_layers: bool = False) -> Iterator[Any]:
    """A run as rich renderables.

    Args:
        run: a run, stored or in memory.
        verdict: what the doctor says of it (`status`, `findings`, `reason`).
        all_layers: every layer, not at most the 24 that are most ill.
    """
    yield _title(run)
    recipe = _recipe(run)
    if recipe:
        yield Text(recipe, "dim")
    yield Text("")
    yield _curves(run)
    yield from _layers(run, all_layers)
    if verdict is not None:
        yield Text("")
        yield from verdict_text(verdict, run)


def name_of(run: Run) -> str:
    """The run's name: its folder's."""
    return clean(Path(run.folder).name if run.folder else "run", 120)


def _title(run: Run) -> Text:
    title = Text(name_of(run), "bold")
    title.append(f"  {count(run.step)} steps", "dim")
    lasted = span(run)
    if lasted:
        title.append(f" in {duration(lasted)}", "dim")
    ends = run.events_of("end")
    if ends:
        title.append(f" · {ending(ends[-1].detail)[1]}", "dim")
    elif run.written is not None and run.standing is not None:
        title.append(f" · {whereabouts(run.standing, run.written.heard)}", "red" if run.standing == "died" else "dim")
    return title


def _recipe(run: Run) -> str:
    recipe = mapping(run, "recipe")
    return "  ".join(f"{clean(name, 40)}={number(value) if isinstance(value, float) else clean(value, 60)}" for name, value in recipe.items() if value not in (None, "none", 0))  # fmt: skip


def _curves(run: Run) -> Grid:
    rows = []
    for what, name in _CURVES:
        series = run.series(what)
        if len(series):
            known = series.values[~_not_finite(series.values)]
            best = math.nan if not len(known) else known.max() if "accuracy" in what or "r2" in what else known.min()
            best_text = "" if what in ("lr", "gradient.total") else _value(what, float(best))
            rows.append(Row(name, (_value(what, series.first), best_text, _value(what, series.last)), series.values))
    return Grid(("", "first", "best", "last"), rows)


def _layers(run: Run, everything: bool) -> Iterator[Any]:
    """The layers, a row each."""
    columns = [
        one
        for one in ("activation.std", "activation.dead", "activation.saturated", "gradient.activation")
        if run.has(one)
    ]
    names = [name for name in layers(run) if any(len(run.series(what, name)) for what in columns)]
    weights = {}
    for where in run.places("update.ratio"):
        weights.setdefault(where.rpartition(".")[0], where)
    names += [name for name in weights if name not in names]
    if not names or not (columns or weights):
        return
    left_out = 0
    if len(names) > 24 and not everything:
        ill = sorted(names, key=lambda name: -max((run.last(one, name, 0.0) for one in columns if one in _SHARES), default=0.0))  # fmt: skip
        left_out, names = len(names) - 24, [name for name in names if name in set(ill[:24])]
    rows = []
    for name in names:
        ratio = run.series("update.ratio", weights.get(name, ""))
        cells = [_value(what, run.last(what, name)) if len(run.series(what, name)) else "" for what in columns]
        style = "red" if run.last("activation.dead", name, 0.0) >= 0.5 else ""
        rows.append(Row(clean(name, 60), (*cells, number(ratio.last, 2) if len(ratio) else ""), ratio.values, style))
    header = [one.partition(".")[2].replace("activation", "gradient") for one in columns]
    yield Text("")
    yield Grid(("layer", *header, "update ratio"), rows, longest=24)
    if left_out:
        yield Text(f"and {left_out} healthier ones (--all shows them)", "dim")


def _value(what: str, value: float) -> str:
    return share(value) if what.startswith(_SHARES) else number(value)


def _not_finite(values: Any) -> Any:
    return (values != values) | (abs(values) == math.inf)
