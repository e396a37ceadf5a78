"""How well each layer is, as one number, from what was last measured of it."""

from __future__ import annotations

from ..record import Run
from .facts import table

SIGNS = ("activation.dead", "activation.saturated", "activation.nonfinite")


def layers(run: Run) -> list[str]:
    """The layers in the order of the forward pass, as far as facts or readings tell."""
    known = [str(module.get("name")) for module in table(run, "modules") if module.get("calls")]
    return known or list(dict.fromkeys(place for what in SIGNS for place in run.places(what)))


def health(run: Run) -> list[tuple[str, float]]:
    """(layer, share ill: 0 all alive .. 1 all dead, saturated or not finite) where it was measured.

    Examples:
        >>> health(Run.of({"activation.dead": {"relu1": [0.1, 0.9]}, "activation.saturated": {"tanh": [0.2]}}))
        [('relu1', 0.9), ('tanh', 0.2)]
    """
    order = {name: index for index, name in enumerate(layers(run))}
    ill: dict[str, float] = {}
    for what in SIGNS:
        for where in run.places(what):
            value = run.last(what, where)
            ill[where] = max(ill.get(where, 0.0), 1.0 if value != value else value)
    return sorted(ill.items(), key=lambda one: order.get(one[0], len(order)))
