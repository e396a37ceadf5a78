"""Which of the searched fields matter."""

from __future__ import annotations

from ..panel import Axis, Bars, Panel, panel
from ..study import importance as measured
from ..words import clean


@panel(of="study", order=30)
def importance(study):
    """The share of the score's spread over the trials that each field explains (Optuna's fANOVA)."""
    shares = measured(study)
    if not shares:
        return None
    names = list(shares)[:12]
    bars = Bars(
        [clean(name, 40) for name in names], [shares[name] for name in names], ["blue"] * len(names), share=True
    )
    return Panel(
        "What matters",
        [bars],
        x=Axis(),
        y=Axis(),
        height=max(150, 60 + 30 * len(names)),
        note="Share of the score's spread that each field explains.",
    )
