"""The searched space, how it shrank, and what was chosen and why."""

from __future__ import annotations

from ..panel import Panel, Table, panel
from ..words import clean, number


@panel(of="study", order=65)
def space(study):
    """Each field's range, and the box that each stage drew most of its trials from."""
    if not study.space:
        return None
    rows = []
    for name, told in study.space.items():
        boxes = [box[name] for box in study.boxes if isinstance(box, dict) and name in box]
        moved = [str(one) for one in study.widenings if one.name == name]
        rows.append(
            [
                clean(name.replace("_", " "), 40),
                _range(told),
                " → ".join(_box(one) for one in boxes[-3:]),
                "; ".join(clean(one, 160) for one in moved),
            ]
        )
    header = ["field", "range", "box, stage by stage", *(["moved out"] if any(row[3] for row in rows) else [])]
    return Panel(
        "The space",
        [Table(header, [row[: len(header)] for row in rows])],
        wide=True,
        note=clean(" ".join(study.notes), 600),
    )


def _range(told: object) -> str:
    if isinstance(told, dict):
        for kind, ends in told.items():
            if kind in ("log", "uniform", "integers") and isinstance(ends, list | tuple) and len(ends) == 2:
                return f"{number(float(ends[0]))} to {number(float(ends[1]))}" + (", log" if kind == "log" else "")
            if kind == "choice":
                return ", ".join(clean(one, 40) for one in ends)
    return ", ".join(clean(one, 40) for one in told) if isinstance(told, list | tuple) else clean(told, 200)


def _box(ends: object) -> str:
    if isinstance(ends, list | tuple) and len(ends) == 2 and all(isinstance(one, int | float) for one in ends):
        return f"{number(float(ends[0]), 2)} to {number(float(ends[1]), 2)}"
    return clean(ends, 80)
