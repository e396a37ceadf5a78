"""The data: where they come from, how many there are, what is to be known of them."""

from __future__ import annotations

from ..facts import mapping
from ..panel import Panel, Table, panel
from ..words import clean, plain


@panel("fact:data", order=91)
def data(run):
    """The examples and their split, duplicates, what is missing, the classes: as they were before training."""
    fact = mapping(run, "data") or {"source": run.fact("data")}
    rows = [[clean(name, 60).replace("_", " "), _told(name, value)] for name, value in fact.items()]
    rows = [row for row in rows if row[1]]
    return Panel("Data", [Table(["", ""], rows)]) if rows else None


def _told(name: str, value: object) -> str:
    if name == "shape" and isinstance(value, list | tuple):
        return " × ".join(plain(one) for one in value)
    return plain(value)
