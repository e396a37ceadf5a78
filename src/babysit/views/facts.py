"""A run's facts as a view needs them: of the shape they should have, or empty. A record may hold anything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..record import Run


def table(run: Run, name: str) -> list[dict[str, Any]]:
    """A fact that is a list of mappings; what isn't one is left out.

    Examples:
        >>> run = Run.of(facts={"checks": [{"id": "a"}, 3], "modules": None})
        >>> table(run, "checks"), table(run, "modules")
        ([{'id': 'a'}], [])
    """
    value = run.fact(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []


def mapping(run: Run, name: str) -> dict[str, Any]:
    """A fact that is a mapping, else an empty one."""
    value = run.fact(name)
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """A list, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def median(values: Any) -> float:
    """The median of what is finite; NaN where nothing is."""
    array = np.asarray(values, float)
    known = array[np.isfinite(array)]
    return float(np.median(known / 2) * 2) if len(known) else math.nan  # halves: no overflow


def real(value: Any) -> float | None:
    """A finite number, else None."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    return float(value) if known else None
