"""What differs between several runs: their recipes and where they ended."""

from __future__ import annotations

import math

from ..facts import mapping
from ..panel import Panel, Table, panel
from ..words import clean, count, number, share


@panel(of="runs", order=50)
def differences(runs):
    """The recipe's fields that differ, and the newest numbers of each run."""
    recipes = {name: mapping(run, "recipe") for name, run in runs.items()}
    several = sum(bool(one) for one in recipes.values()) > 1  # one alone differs from nothing
    names = list(dict.fromkeys(field for recipe in recipes.values() for field in recipe if several))
    differ = [field for field in names if len({str(recipe.get(field)) for recipe in recipes.values()}) > 1]
    rows = [["steps", *(count(run.step) for run in runs.values())]]
    for what, label, told in (("loss.train", "loss", number), ("loss.val", "validation loss", number), ("accuracy.val", "validation accuracy", share), ("r2.val", "validation R²", number)):  # fmt: skip
        if any(run.has(what) for run in runs.values()):
            rows.append(
                [label, *(told(value) if not math.isnan(value := run.last(what)) else "" for run in runs.values())]
            )
    rows += [[clean(field, 40), *(_tell(recipe.get(field)) for recipe in recipes.values())] for field in differ]
    return Panel("What differs", [Table(["", *(clean(name, 40) for name in runs)], rows)], wide=True)


def _tell(value: object) -> str:
    return "" if value is None else number(value) if isinstance(value, float) else clean(value, 80)
