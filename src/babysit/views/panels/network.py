"""The network's modules in order of call."""

from __future__ import annotations

from ..facts import items, real, table
from ..panel import Panel, Table, Value, panel
from ..words import clean, count

MOST = 200


@panel("fact:modules", "fact:parameters", order=88)
def network(run):
    """The modules in the order they were called, with the shapes that came out and their parameters."""
    modules = [one for one in table(run, "modules") if one.get("parameters") or one.get("activation")]
    if not modules:
        return None
    sizes = {str(one.get("name")): _size(one.get("shape")) for one in table(run, "parameters")}
    rows = []
    for one in modules[:MOST]:
        own = sum(sizes.get(str(name), 0) for name in items(one.get("parameters")))
        shape = " × ".join(str(part) for part in items(one.get("shape_out")))
        rows.append(
            [
                clean(one.get("name", ""), 60),
                clean(one.get("kind", ""), 40),
                clean(shape, 40),
                count(own) if own else "",
            ]
        )
    total = sum(sizes.values())
    values = [Value("parameters", count(total))] if total else []
    return Panel("Network", [Table(["module", "kind", "output", "parameters"], rows)], values=values)


def _size(shape: object) -> int:
    size = 1
    for part in items(shape):
        size *= int(real(part) or 0)
    return size
