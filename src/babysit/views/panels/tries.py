"""What a cure tried, and what each remedy came to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..facts import items, mapping, real
from ..panel import Axis, Dots, Limit, Panel, Table, Value, panel
from ..words import clean, number, share

MOST = 24


@panel("fact:cure", order=4)
def tries(run):
    """Each remedy that a cure tried: the score with it, beside that of the unedited program.

    Proven are those that were better over all seeds, by more than noise.
    """
    found = [one for one in items(mapping(run, "cure").get("tries")) if isinstance(one, dict)]
    found = [one for one in found if all(isinstance(one.get(side), dict) for side in ("before", "after"))][:MOST]
    if not found:
        return None
    kind = clean(found[0]["after"].get("metric") or "score", 60)
    shares = any(word in kind for word in ("accuracy", "recall"))
    tell = share if shares else number
    scores = np.array([_value(one["after"], "mean") for one in found])
    titles = [clean(one.get("title", ""), 120) for one in found]
    before = _value(found[0]["before"], "mean")
    proven = [one.get("proven") is True for one in found]
    rows = [[title, _spread(one["before"], tell), _spread(one["after"], tell), clean(one.get("seeds", ""), 12),
             "" if real(one.get("p")) is None else number(one["p"], 2), "proven" if sure else ""]
            for title, one, sure in zip(titles, found, proven, strict=True)]  # fmt: skip
    at = np.arange(len(found))
    dots = [Dots(name, scores[chosen], at[chosen], text=[titles[index] for index in at[chosen]], tone=tone)
            for name, tone, chosen in (("proven", "good", np.array(proven)), ("tried", "note", ~np.array(proven))) if chosen.any()]  # fmt: skip
    return Panel(
        "What was tried",
        [*dots, Table(["remedy", "without", "with it", "seeds", "p", ""], rows)],
        x=Axis(kind, share=shares),
        y=Axis(low=len(found) - 0.5, high=-0.5, names=tuple(clean(title, 34) for title in titles)),
        limits=[Limit(before, "as it is", "x", "note")] if math.isfinite(before) else [],
        values=[Value("proven", f"{sum(proven)} of {len(found)}", "good" if any(proven) else "")],
        height=max(150, 60 + 26 * len(found)),
        wide=True,
    )


def _value(one: dict[str, Any], name: str) -> float:
    value = real(one.get(name))
    return math.nan if value is None else value


def _spread(one: dict[str, Any], tell: Any) -> str:
    mean, sd = _value(one, "mean"), _value(one, "sd")
    if not math.isfinite(mean):
        return ""
    return tell(mean) + (f" ± {tell(sd)}" if math.isfinite(sd) and sd > 0 else "")
