"""The environment: script, machine, versions."""

from __future__ import annotations

from ..panel import Panel, Table, panel
from ..words import clean


@panel("fact:script", "fact:machine", "fact:versions", "fact:data", order=92)
def environment(run):
    """What ran, where, and with which versions."""
    rows = []
    for name in ("script", "data", "machine", "versions"):
        fact = run.fact(name)
        if isinstance(fact, dict):
            rows += [[clean(key, 60), _tell(value)] for key, value in fact.items() if value not in (None, "", [], {})]
        elif fact:
            rows.append([name, _tell(fact)])
    return Panel("Environment", [Table(["", ""], rows)]) if rows else None


def _tell(value: object) -> str:
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return clean(" ".join(str(one) for one in value), 300)
    return clean(value, 300)
