"""The recipe: everything that decided the training."""

from __future__ import annotations

from ..facts import mapping
from ..panel import Panel, Table, panel
from ..words import clean, number


@panel("fact:recipe", order=90)
def recipe(run):
    """The recipe's fields; what was left at its default is left out where that is known."""
    fields = mapping(run, "recipe")
    if not fields:
        return None
    rows = [[clean(name, 60), _tell(value)] for name, value in fields.items() if value is not None]
    return Panel("Recipe", [Table(["field", "value"], rows)])


def _tell(value: object) -> str:
    return number(value) if isinstance(value, float) else clean(value, 200)
