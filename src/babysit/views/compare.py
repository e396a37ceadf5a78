"""One reading of several runs in one figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..record import Run
from .panel import STEPS, TONES, Axis, Line, Panel, Value
from .thin import smooth
from .words import clean, number
from .words import share as per_cent


def overlay(
    runs: Mapping[str, Run], what: str, title: str, label: str, *, smoothed: bool = False, share: bool = False
) -> Panel | None:
    """A line for each run that has the reading; None where none has."""
    marks, values, known = [], [], []
    for index, (name, run) in enumerate(runs.items()):
        series = run.series(what)
        if not len(series):
            continue
        x, y = smooth(*series) if smoothed and len(series) >= 50 else series
        tone = TONES[index % len(TONES)]
        marks.append(Line(clean(name, 24), x, y, tone))
        values.append(Value(clean(name, 40), per_cent(series.last) if share else number(series.last), tone))
        known += y[np.isfinite(y)].tolist()
    if not marks:
        return None
    log = not share and bool(known) and min(known) > 0 and max(known) / 30 > min(known)
    return Panel(
        title,
        marks,
        x=STEPS,
        y=Axis(label, log=log, share=share, switch=not share),
        values=values,
        wide=True,
        height=320,
    )
