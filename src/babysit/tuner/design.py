"""Which trials may train together: those whose networks are the same but for their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..record import Recipe

PROGRAM = ("optimizer", "batch", "preprocess", "components", "augment", "loss")
"""Recipe fields that a batched program has one value of."""


@dataclass(frozen=True)
class Design:
    """A trial's network for a fleet.

    Attributes:
        key: equal for trials that can train together.
        module: with the trial's initial weights; not to be changed.
        rates: of its dropouts, in order of registration.
    """

    key: tuple[Any, ...]
    module: nn.Module
    rates: tuple[float, ...]


def design(module: nn.Module, recipe: Recipe, own: bool) -> Design:
    """A network as a fleet sees it.

    Args:
        own: the user's network, whose dropouts have rates of their own; ours have the recipe's.
    """
    dropouts = [one for one in module.modules() if type(one) is nn.Dropout]
    rates = tuple(one.p for one in dropouts) if own else (recipe.dropout,) * len(dropouts)
    program = tuple(getattr(recipe, name) for name in PROGRAM)
    return Design((program, fingerprint(module)), module, rates)


def fingerprint(module: nn.Module) -> tuple[Any, ...]:
    """What a network is made of: types, sizes and plain attributes of its parts, but no rate of a dropout."""
    parts = []
    for name, one in module.named_modules():
        plain = {
            key: _plain(value) for key, value in vars(one).items() if not key.startswith("_") and key != "training"
        }
        if type(one) is nn.Dropout:
            plain.pop("p", None)
        parts.append((name, type(one).__qualname__, type(one).__module__, tuple(sorted(plain.items()))))
    shapes = tuple((name, tuple(one.shape)) for name, one in module.state_dict().items())
    return tuple(parts), shapes


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float | str | None):
        return repr(value)
    if isinstance(value, tuple | list):
        return tuple(map(_plain, value))
    return f"tensor {tuple(value.shape)}" if isinstance(value, Tensor) else id(value)
