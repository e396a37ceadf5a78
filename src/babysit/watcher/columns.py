"""Tables: does one column of the input alone give the target?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .layers import is_plain
from .transfer import Transfer

ENOUGH = 512
LEAST = 200
MOST_COLUMNS = 512


@dataclass(eq=False)
class Columns:
    """Sums over the training examples seen, from which each column's squared correlation with the target follows."""

    transfer: Transfer
    tell: Callable[[str, Any], None]
    done: bool = False
    _x: Tensor | None = None
    _sums: Tensor | None = None  # (5, D): of x, x², x·y, y, y², about the first batch's means
    _middle: tuple[Tensor, Tensor] | None = None
    _count: int = 0

    def batch(self, x: Tensor) -> None:
        """The main model's first input, of a forward that was trained on."""
        table = (
            not self.done and is_plain(x) and x.ndim == 2 and x.is_floating_point() and 3 <= x.shape[1] <= MOST_COLUMNS
        )
        self._x = x.detach() if table else None

    def answer(self, target: Tensor | None) -> None:
        """What the main criterion got with it: a number, or yes or no, for each example."""
        x, self._x = self._x, None
        if x is None or target is None or not is_plain(target) or target.numel() != len(x):
            return
        x, y = x.double(), target.detach().reshape(-1, 1).double()
        if self._middle is None:
            self._middle = x.mean(0), y.mean()
            self._sums = torch.zeros(5, x.shape[1], dtype=torch.float64, device=x.device)
        if x.shape[1] != self._middle[0].shape[0]:
            self.done = True
            return
        x, y = x - self._middle[0], y - self._middle[1]
        ones = torch.ones_like(x)
        self._sums = self._sums + torch.stack([x, x * x, x * y, y * ones, y * y * ones]).sum(1)
        self._count += len(x)
        if self._count >= ENOUGH:
            self.end()

    def end(self) -> None:
        """Enough was seen: the best column and the next best."""
        if self.done or self._sums is None or self._count < LEAST:
            return
        self.done = True
        n, (a, aa, ab, b, bb) = self._count, self._sums
        cross, own, other = ab - a * b / n, aa - a * a / n, bb - b * b / n
        floor = 1e-12 * (aa.abs() + 1e-30)
        fits = torch.where((own > floor) & (other > 1e-12 * bb), cross * cross / (own * other).clamp_min(1e-300), 0.0)
        two = fits.topk(2)
        values = torch.cat([two.values, two.indices[:1].double()])
        columns = len(fits)

        def received(numbers: list[float]) -> None:
            best, following, which = numbers
            fact = {"best": int(which), "r2": best, "next": following, "columns": columns, "examples": n}
            self.tell("columns", fact)

        self.transfer.add(values, received)
