"""The environment: script, machine, versions."""

from __future__ import annotations

from ..panel import Panel, Table, panel
from ..words import clean, plain


@panel("fact:script", "fact:machine", "fact:versions", order=92)
def environment(run):
    """What ran, where, and with which versions."""
    rows = []
    for name in ("script", "machine", "versions"):
        fact = run.fact(name)
        if isinstance(fact, dict):
            rows += [[clean(key, 60), plain(value)] for key, value in fact.items() if plain(value)]
        elif fact:
            rows.append([name, plain(fact)])
    return Panel("Environment", [Table(["", ""], rows)]) if rows else None
