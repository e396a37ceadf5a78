"""Does the target itself stand in the input, at the same place for every example? By equality of each value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .layers import is_plain
from .transfer import Transfer

ENOUGH = 512
DISTINCT = 0.25
"""Share of the targets that must differ from one another: levels, classes and periods come back by themselves."""
MOST = 512
"""Places that are looked at."""


def places(x: Tensor) -> tuple[Tensor, list[str]]:
    """((N, P) values of an input at places where an answer may have been left by mistake, their names).

    Of a table every column, of a sequence its newest values: the end of its second axis or of its third.

    Examples:
        >>> values, names = places(torch.arange(12.0).reshape(2, 1, 6))
        >>> values, names
        (tensor([[ 5.],
                [11.]]), ['[:, 0, -1]'])
        >>> places(torch.zeros(5, 24, 3))[1][:4]
        ['[:, -1, 0]', '[:, -1, 1]', '[:, -1, 2]', '[:, 0, -1]']
    """
    if x.ndim == 2:
        return x[:, :MOST], [f"[:, {index}]" for index in range(min(MOST, x.shape[1]))]
    sides, names = [], []
    if x.shape[1] > 1:
        sides.append(x[:, -1, :MOST])
        names += [f"[:, -1, {index}]" for index in range(sides[-1].shape[1])]
    if x.shape[2] > 1:
        sides.append(x[:, :MOST, -1])
        names += [f"[:, {index}, -1]" for index in range(sides[-1].shape[1])]
    return torch.cat(sides, 1) if sides else x[:, 0], names


@dataclass(eq=False)
class InTheInput:
    """Places that have been equal to the target so far."""

    transfer: Transfer
    tell: Callable[[str, Any], None]
    done: bool = False
    _x: Tensor | None = None
    _equal: Tensor | None = None  # (P,)
    _targets: list[Tensor] = field(default_factory=list)

    def batch(self, x: Tensor) -> None:
        """The main model's first input, of a forward that was trained on."""
        fits = not self.done and is_plain(x) and x.is_floating_point() and x.ndim in (2, 3) and x[0].numel() >= 3
        self._x = x.detach() if fits else None

    def answer(self, target: Tensor | None) -> None:
        """What the main criterion got with it: one number for each example."""
        x, self._x = self._x, None
        if x is None or target is None or not is_plain(target) or not target.is_floating_point():
            return
        if target.numel() != len(x):
            if x.ndim != 3 or target.numel() != x.shape[1]:
                return
            x = x.transpose(0, 1)
        y = target.detach().reshape(-1).to(x.dtype)
        values, names = places(x)
        equal = (values == y[:, None]).all(0)
        if self._equal is not None and self._equal.shape != equal.shape:
            self.done = True
            return
        self._equal = equal if self._equal is None else self._equal & equal
        self._targets.append(y)
        if sum(len(one) for one in self._targets) >= ENOUGH:
            self._end(names)

    def _end(self, names: list[str]) -> None:
        self.done = True
        y, equal = torch.cat(self._targets).sort().values, self._equal
        self._targets, self._equal = [], None
        distinct, count = 1 + (y[1:] != y[:-1]).sum(), len(y)

        def received(numbers: list[float]) -> None:
            several, *same = numbers
            if several >= DISTINCT * count and any(same):
                self.tell("in_the_input", {"place": names[same.index(1.0)], "examples": count})

        self.transfer.add(torch.cat([distinct[None].double(), equal.double()]), received)
