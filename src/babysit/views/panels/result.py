"""The one test at the end."""

from __future__ import annotations

from ..facts import items, mapping, real
from ..panel import Panel, Value, panel
from ..words import number, share


@panel("fact:test", order=5)
def result(run):
    """The score on the test examples, touched once, with its interval of confidence."""
    test = mapping(run, "test")
    kind = "accuracy" if "accuracy" in test else "r2"
    score = real(test.get(kind))
    if score is None:
        return None
    tell = share if kind == "accuracy" else number
    values = [Value("accuracy" if kind == "accuracy" else "R²", tell(score), "good")]
    ends = [one for one in map(real, items(test.get("interval"))) if one is not None]
    if len(ends) == 2:
        values.append(Value("95 % interval", f"{tell(ends[0])} to {tell(ends[1])}"))
    if real(test.get("n")) is not None:
        values.append(Value("examples", f"{int(test['n']):,}"))
    return Panel("Test, once", (), values=values, wide=True)
