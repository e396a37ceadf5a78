"""The questions asked before learning, and their answers."""

from __future__ import annotations

from ..facts import table
from ..panel import Panel, Table, Value, panel
from ..words import clean

_ANSWERS = {True: "passed", False: "failed", None: "not judged"}


@panel("fact:checks", order=80)
def checks(run):
    """What was asked before training: what was expected, what was measured."""
    outcomes = table(run, "checks")
    if not outcomes:
        return None
    rows = [[clean(str(one.get("id", "")).replace("-", " "), 60), _ANSWERS.get(one.get("passed") if isinstance(one.get("passed"), bool) else None, "?"),
             clean(one.get("expected", ""), 200), clean(one.get("measured", ""), 200)] for one in outcomes]  # fmt: skip
    passed = sum(one.get("passed") is True for one in outcomes)
    return Panel("Before learning", [Table(["question", "answer", "expected", "measured"], rows)], wide=True,
                 values=[Value("passed", f"{passed} of {len(rows)}", "good" if passed == len(rows) else "bad")])  # fmt: skip
