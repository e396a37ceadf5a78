"""The script's own scoring: predictions that it compares with labels, and whether that comparison can be right.

A comparison counts where one side equals what the model's newest outputs say. Whether it does is found on the
device; the host hears of it with the other readings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .layers import is_plain
from .transfer import Transfer

MOST = 1 << 22
"""Elements of an output that are still looked at."""
KEPT = 1 << 20
"""Predictions of one pass that are kept until it is over."""
SEEN = 64
"""Comparisons looked at in one pass or step that are not in a row of right ones."""


@dataclass(eq=False)
class Odd:
    """A comparison that can't be right, once it is known that the model's outputs are in it."""

    problem: str
    sure: Tensor
    shapes: tuple[list[int], list[int]]
    source: str | None


@dataclass(eq=False)
class Comparisons:
    """What the newest outputs were compared with."""

    transfer: Transfer
    tell: Callable[[str, Any], None]
    output: Tensor | None = None
    training: bool = False
    _over_batch: bool = False  # the largest was looked for along the examples
    _guesses: list[Tensor] = field(default_factory=list)  # of each output of this pass
    _labels: list[Tensor] = field(default_factory=list)  # that a criterion got in this pass
    _kept: int = 0
    _rows: list[Tensor] = field(default_factory=list)  # (count, rights) of each comparison of this pass
    _odd: list[Odd] = field(default_factory=list)
    _found: dict[tuple[str, str | None], int] = field(default_factory=dict)

    def answered(self, output: Tensor | None, training: bool) -> None:
        """A model has given this."""
        fits = output is not None and is_plain(output) and output.ndim >= 1 and 0 < output.numel() <= MOST
        self.output = output.detach() if fits and output.is_floating_point() else None  # type: ignore[union-attr]
        self.training, self._over_batch = training, False
        if not training and self.output is not None and self._kept < KEPT:
            first = next(iter(_guesses(self.output)), None)
            if first is not None:
                self._guesses.append(first)
                self._kept += first.numel()

    def labelled(self, target: Tensor | None) -> None:
        """A criterion of the pass that is under way got this."""
        if target is not None and is_plain(target) and self._guesses and self._kept <= KEPT:
            self._labels.append(target.detach().reshape(-1))

    def largest(self, x: Any, dim: Any) -> None:
        """The largest of something was looked for along one axis."""
        out = self.output
        if out is None or not isinstance(x, Tensor) or not isinstance(dim, int) or x.shape != out.shape or x.ndim < 2:
            return
        if x.data_ptr() == out.data_ptr() and dim % x.ndim == 0 and x.shape[0] > 1 and x.shape[0] != x.shape[1]:
            self._over_batch = True

    def compared(self, a: Any, b: Any, result: Any, source: Callable[[], str | None]) -> None:
        """Two things were compared for equality."""
        out = self.output
        if (
            out is None
            or not (is_plain(a) and is_plain(b) and is_plain(result))
            or not a.device == out.device == b.device
        ):
            return
        if not a.ndim and not b.ndim:
            return
        if result.numel() > max(a.numel(), b.numel()):
            self._broadcast(a, b, source)
        elif a.numel() == b.numel():
            self._paired(a, b, source)
        elif self._over_batch and len(out) in (a.numel(), b.numel()):
            self._say("axis", torch.ones((), device=out.device), a, b, source)

    def _paired(self, a: Tensor, b: Tensor, source: Callable[[], str | None]) -> None:
        out = self.output
        assert out is not None
        if a.ndim == 2 and a.shape == b.shape and out.ndim == 2 and a.shape[1] == len(out) != a.shape[0]:
            a, b = a[0], b[0]  # the k best of each example, transposed: the first of them
        size = a.numel()
        guesses = [one for one in _guesses(out) if one.numel() == size]
        if len(self._guesses) > 1 and sum(one.numel() for one in self._guesses) == size:
            whole = torch.cat([one.reshape(-1) for one in self._guesses])
            guesses.append(whole)
            self._in_order(a, b, whole, source)
        a, b = a.reshape(-1), b.reshape(-1)
        if guesses and len(self._rows) < KEPT:
            sure = torch.stack([(side == guess.reshape(-1)).all() for guess in guesses for side in (a, b)]).any()
            rights = (a == b).sum()
            row = torch.stack([torch.full_like(rights, size), rights]).double() * sure
            if not self.training:
                self._rows.append(row)
            if self._over_batch and size == len(out):
                self._say("axis", ~sure, a, b, source)
        if self._over_batch and out.ndim == 2 and 1 < size <= out.shape[1] and not a.is_floating_point():
            wrong = out.argmax(0)[:size]  # the example that is largest in each class
            self._say("axis", torch.stack([(side == wrong).all() for side in (a, b)]).any(), a, b, source)
        if size == out.numel() == len(out) and (a.is_floating_point() or b.is_floating_point()):
            whole = out.reshape(-1).round()
            other = torch.stack([(side == whole).all() for side in (a, b)]).any()
            self._say("rounded", other & ((whole != 0) & (whole != 1)).any(), a, b, source)
        if size == len(out) and a.is_floating_point() != b.is_floating_point():
            score = a if a.is_floating_point() else b
            best = out.reshape(size, -1).amax(1)
            broken = (score != score.round()).any()
            self._say("scores", (score == best).all() & broken, a, b, source)

    def _in_order(self, a: Tensor, b: Tensor, whole: Tensor, source: Callable[[], str | None]) -> None:
        """The answers of a whole pass: are they compared with its labels, but in another order?"""
        if len(self._labels) < 2 or sum(one.numel() for one in self._labels) != whole.numel():
            return
        labels = torch.cat(self._labels).double()
        apart = []
        for answers, others in ((a, b), (b, a)):
            others = others.reshape(-1).double()
            same = (others.sort().values == labels.sort().values).all() & (others != labels).any()
            apart.append((answers.reshape(-1) == whole).all() & same)
        self._say("order", torch.stack(apart).any(), a, b, source)

    def _broadcast(self, a: Tensor, b: Tensor, source: Callable[[], str | None]) -> None:
        """(N, 1) against (N,): every prediction is compared with every label."""
        out = self.output
        assert out is not None
        size = len(out)
        if size < 2 or not a.numel() == b.numel() == size or {a.ndim, b.ndim} != {1, 2}:
            return
        sides = [(side.reshape(-1) == guess.reshape(-1)).all() for guess in _guesses(out) if guess.numel() == size
                 for side in (a, b)]  # fmt: skip
        if sides:
            both = (a.reshape(-1) == b.reshape(-1)).all()
            self._say("broadcast", torch.stack(sides).any() & ~both, a, b, source)

    def _say(self, problem: str, sure: Tensor, a: Tensor, b: Tensor, source: Callable[[], str | None]) -> None:
        if len(self._odd) < SEEN:
            self._odd.append(Odd(problem, sure.double(), (list(a.shape), list(b.shape)), source()))

    def end(self, put: Callable[[float], None] | None = None) -> None:
        """A pass, or an observed step, is over; `put` gets the accuracy of a pass."""
        if self._rows and put is not None:
            self.transfer.add(
                torch.stack(self._rows).sum(0), lambda values: put(values[1] / values[0]) if values[0] else None
            )
        if self._odd:
            odd = self._odd
            self.transfer.add(torch.stack([one.sure for one in odd]), lambda values: self._told(odd, values))
        self._rows, self._odd = [], []

    def begin(self) -> None:
        """A pass begins."""
        self._rows, self._odd, self._guesses, self._labels, self._kept = [], [], [], [], 0
        self.output = None

    def forget(self) -> None:
        """Nothing is listened to any more."""
        self.output, self._guesses, self._labels, self._kept = None, [], [], 0

    def _told(self, odd: list[Odd], values: list[float]) -> None:
        for one, sure in zip(odd, values, strict=True):
            if sure:
                key = (one.problem, one.source)
                self._found[key] = self._found.get(key, 0) + 1
                if self._found[key] == 2:  # not by chance
                    fact = {"problem": one.problem, "shapes": list(one.shapes), "source": one.source}
                    self.tell("metric", fact)


def _guesses(output: Tensor) -> list[Tensor]:
    """What an output says: the largest along the axis of the classes, or yes and no."""
    if output.ndim >= 2 and output.numel() > len(output):
        axes = {axis % output.ndim for axis in (1, -1) if output.shape[axis] > 1}
        return [output.argmax(axis) for axis in sorted(axes)]
    return [output > 0, output > 0.5]
