"""Does the target itself stand in the input, at the same place for every example?

By equality of each value; or, where both were scaled apart, by a straight line that is exact but for rounding, when no other
place has one.
"""

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
MOST = 2048
"""Places of an input, above which it is not looked at."""
ROUNDING = 1e-9
"""Share of a variance that the rounding of float32 explains, with room for a mean many times the spread."""


def newest(shape: tuple[int, ...]) -> dict[int, str]:
    """Places of an example, as {flat index: name}, where an answer may have been left by mistake.

    Of a table every column, of a sequence its newest values: the end of its first axis or of its second.

    Examples:
        >>> newest((1, 6)), newest((2, 3))
        ({5: '[:, 0, -1]'}, {3: '[:, -1, 0]', 4: '[:, -1, 1]', 5: '[:, -1, 2]', 2: '[:, 0, -1]'})
    """
    if len(shape) == 1:
        return {index: f"[:, {index}]" for index in range(shape[0])}
    length, width = shape
    found = {(length - 1) * width + index: f"[:, -1, {index}]" for index in range(width)} if length > 1 else {}
    if width > 1:
        others = {index * width + width - 1: f"[:, {index}, -1]" for index in range(length)}
        found = {**found, **{at: name for at, name in others.items() if at not in found}}
    return found


@dataclass(eq=False)
class InTheInput:
    """The newest training examples with their targets, until there are enough to tell."""

    transfer: Transfer
    tell: Callable[[str, Any], None]
    done: bool = False
    _x: Tensor | None = None
    _seen: list[Tensor] = field(default_factory=list)  # (N, 1 + P) each: targets, and what stood where

    def batch(self, x: Tensor) -> None:
        """The main model's first input, of a forward that was trained on."""
        fits = not self.done and is_plain(x) and x.is_floating_point() and x.ndim in (2, 3) and len(x)
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
        rows = torch.cat([target.detach().reshape(-1, 1).to(x.dtype), x.flatten(1)], 1)
        if not 3 < rows.shape[1] <= MOST or (self._seen and self._seen[0].shape[1] != rows.shape[1]):
            self.done = True
            return
        self._seen.append(rows)
        if sum(len(one) for one in self._seen) >= ENOUGH:
            self._end(newest(tuple(x.shape[1:])))

    def _end(self, names: dict[int, str]) -> None:
        rows, self._seen, self.done = torch.cat(self._seen).double(), [], True
        y, count = rows[:, 0].sort().values, len(rows)
        several = (1 + (y[1:] != y[:-1]).sum()).double()
        equal = (rows[:, 1:] == rows[:, :1]).all(0).double()

        def received(numbers: list[float]) -> None:
            (distinct, *same), off = numbers[: 1 + len(equal)], numbers[1 + len(equal) :]
            place = next((name for at, name in names.items() if same[at]), None)
            if place is None and sum(one < 1000 * ROUNDING for one in off) == 1:  # of a ramp each value tells the next
                place = next((name for at, name in names.items() if off[at] < ROUNDING), None)
            if place is not None and distinct >= DISTINCT * count:
                self.tell("in_the_input", {"place": place, "examples": count, "equal": any(same)})

        self.transfer.add(torch.cat([several[None], equal, unexplained(rows)]), received)


def unexplained(rows: Tensor) -> Tensor:
    """1 − R² of the first column by each of the others, (P,); 1 where there is no variance.

    Examples:
        >>> unexplained(torch.tensor([[1.0, 5.0, 0.0, 1.0], [2.0, 7.0, 0.0, 0.0], [3.0, 9.0, 0.0, 1.0]]))
        tensor([0., 1., 1.])
    """
    rows = rows - rows.mean(0)
    power, cross = rows.square().sum(0), (rows * rows[:, :1]).sum(0)
    both = power * power[0]
    return torch.where(both > 0, 1 - cross * cross / both.clamp_min(1e-300), torch.ones_like(both))[1:]
