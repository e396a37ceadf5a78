"""What the program itself compares while it only looks: `(model(x).argmax(1) == y).float().mean()` and its kin.

Most programs compute their validation accuracy by hand, with no criterion. A comparison counts where the
newest forward was one that nothing is learned from, outside any model, and both sides are labels of the same
shape. A difference counts where one side is a model's output. So does what scikit-learn is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..hosts.edits.stage import Forward, Stage
from .tally import Tally, numbers

Found = Callable[[Tally], None]
LEAST = 2
"""Fewer values than this are no measurement."""


class Compared:
    """Listens to a stage for comparisons outside training; `found(tally)` is called with each."""

    def __init__(self, stage: Stage, found: Found) -> None:
        self.stage, self.found = stage, found
        self.looking = self.busy = False
        self.outputs: list[tuple[int, int]] = []  # (address, values) of what the newest forward made
        stage.before_forward(self._begin)
        stage.on_made(self._made)
        for owner, name in ((Tensor, "__eq__"), (Tensor, "eq"), (torch, "eq")):
            stage.replace(owner, name, functools.partial(self._pair, self._labels))
        for owner, name in ((Tensor, "__sub__"), (Tensor, "sub"), (torch, "sub")):
            stage.replace(owner, name, functools.partial(self._pair, self._difference))
        metrics = sys.modules.get("sklearn.metrics")
        for name, kind in (("accuracy_score", "accuracy"), ("r2_score", "r2")):
            if metrics is not None and hasattr(metrics, name):
                stage.replace(metrics, name, functools.partial(self._metric, kind))

    def _begin(self, forward: Forward) -> None:
        self.looking = not forward.training
        self.outputs = []

    def _made(self, model: Any, output: Any) -> None:
        parts = output if isinstance(output, tuple | list) else [output]
        tensors = [part for part in parts if isinstance(part, Tensor)]
        self.looking = self.looking or not any(part.requires_grad for part in tensors)
        self.outputs = [(part.data_ptr(), part.numel()) for part in tensors]

    def _pair(self, look: Callable[[Tensor, Tensor, Any], None], original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def compared(one: Any, other: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(one, other, *args, **kwargs)
            if self.looking and not self.busy and not self.stage.depth and isinstance(other, Tensor):
                self.busy = True
                try:
                    with contextlib.suppress(Exception):
                        look(one, other, result)
                finally:
                    self.busy = False
            return result

        return compared

    def _labels(self, one: Tensor, other: Tensor, result: Tensor) -> None:
        if one is other or one.shape != other.shape or one.numel() < LEAST or not _whole(one) or not _whole(other):
            return
        if not self.outputs:
            return
        self.found(Tally("accuracy", result.numel(), float(result.sum())))

    def _difference(self, one: Tensor, other: Tensor, result: Tensor) -> None:
        if one.shape != other.shape or one.numel() < LEAST or not one.is_floating_point():
            return
        mine = [(x.data_ptr(), x.numel()) in self.outputs for x in (one, other)]
        if mine[0] != mine[1]:
            self.found(numbers(one, other) if mine[0] else numbers(other, one))

    def _metric(self, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def metric(truth: Any, answer: Any, *args: Any, **kwargs: Any) -> Any:
            value = original(truth, answer, *args, **kwargs)
            with contextlib.suppress(Exception):
                if self.looking:
                    truth, answer = torch.as_tensor(truth), torch.as_tensor(answer)
                    if kind == "r2":
                        self.found(numbers(answer, truth))
                    else:
                        self.found(Tally(kind, len(truth), float((truth == answer).sum())))
            return value

        return metric


def _whole(x: Tensor) -> bool:
    """Can it be labels?"""
    return not x.is_floating_point() or bool((x == x.round()).all())
