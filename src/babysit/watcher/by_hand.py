"""Weights that are moved by hand, `p.data -= lr * p.grad`, with no optimizer: seen by their values."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

PARAMETERS = 3
ELEMENTS = 256


class ByHand:
    """Stands for an optimizer where there is none: holds what asks for gradients, weakly."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._held = [weakref.ref(one) for one in parameters]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """One group, without a rate."""
        return [{"params": [one for one in (ref() for ref in self._held) if one is not None]}]


class Moves:
    """Do the weights change between two backwards, though no optimizer steps?"""

    def __init__(self) -> None:
        self._before: list[tuple[weakref.ref[Tensor], Tensor]] = []

    def look(self, parameters: list[Tensor]) -> bool:
        """Have these parameters moved since the last look, as far as it saw them?"""
        moved, asked = False, {id(one) for one in parameters}
        for ref, old in self._before:
            value = ref()
            if value is not None and id(value) in asked and not torch.equal(_some(value), old):
                moved = True
        chosen = parameters[:: max(1, len(parameters) // PARAMETERS)][:PARAMETERS]
        self._before = [(weakref.ref(one), _some(one).clone()) for one in chosen]
        return moved


def _some(value: Tensor) -> Tensor:
    return value.detach().reshape(-1)[:ELEMENTS]
