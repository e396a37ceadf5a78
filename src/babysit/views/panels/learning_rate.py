"""The learning rate over the steps: the schedule as it really was."""

from __future__ import annotations

from ..panel import STEPS, Axis, Line, Panel, Value, panel
from ..words import clean, number


@panel("lr", order=70)
def learning_rate(run):
    """The learning rate of each step, warm-up and decay included; one line for each group where they differ."""
    main = run.series("lr")
    groups = [(where, one) for where, one in run.each("lr") if where and len(one)]
    differ = len({one.last for _, one in groups}) > 1
    series = groups if differ or not len(main) else [("", main)]
    if not series:
        return None
    marks = [
        Line(
            clean(f"group {where}" if where else "lr", 20),
            one.steps,
            one.values,
            "" if differ else "blue",
            label=differ,
        )
        for where, one in series[:6]
    ]
    values = [one for _, each in series for one in (each.first, each.last)]
    log = min(values) > 0 and max(values) / 100 > min(values)
    return Panel(
        "Learning rate",
        marks,
        x=STEPS,
        y=Axis("learning rate", log=log),
        values=[Value("now", number(series[0][1].last))],
        height=200,
    )
