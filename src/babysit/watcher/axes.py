"""The ears for what is done to the axes of examples.

A view that changes their order without moving a number: `x.view(n, 3, h, w)` of (n, h, w, 3). It keeps the numbers in
their order; where only the axes trade places, a permutation was meant. And turns, `x.flip(-1)`: an augmentation, where
they come back step after step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.compiler import is_compiling

from .observer import Observer

VIEWS = ((Tensor, ("view", "reshape")), (torch, ("reshape",)))
TURNS = (
    (Tensor, ("flip", "fliplr", "flipud", "rot90", "transpose", "swapaxes")),
    (torch, ("flip", "fliplr", "flipud", "rot90", "transpose", "swapaxes")),
    (np, ("flip", "fliplr", "flipud", "rot90")),
)


def replacements(
    observer: Observer, ours: Callable[[], bool]
) -> list[tuple[Any, str, Callable[[Any], Callable[..., Any]]]]:
    """(owner, name, what makes a listening function of the original) for each function that is heard."""

    def view(original: Any) -> Callable[..., Any]:
        return _viewed(original, observer, ours)

    def turn(original: Any) -> Callable[..., Any]:
        return _turned(original, observer, ours)

    return [(owner, name, view) for owner, names in VIEWS for name in names] + [
        (owner, name, turn) for owner, names in TURNS for name in names
    ]


def trades_axes(before: Sequence[int], after: Sequence[int]) -> bool:
    """Has the same axes in another order, three or more of them longer than 1?

    Examples:
        >>> trades_axes((50, 16, 16, 3), (50, 3, 16, 16)), trades_axes((32, 12, 8), (12, 32, 8))
        (True, True)
        >>> trades_axes((50, 1, 28, 28), (50, 28, 28, 1)), trades_axes((50, 784), (50, 28, 28))
        (False, False)
    """
    old, new = ([size for size in shape if size != 1] for shape in (before, after))
    return len(old) >= 3 and old != new and sorted(old) == sorted(new)


def _viewed(original: Any, observer: Observer, ours: Callable[[], bool]) -> Callable[..., Any]:
    def viewed(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if type(result) is Tensor and result.ndim >= 3 and not is_compiling() and type(args[0]) is Tensor:
            before, after = args[0].shape, result.shape
            if before != after and trades_axes(before, after) and ours():
                observer.timed(observer.viewed, list(before), list(after))
        return result

    return viewed


def _turned(original: Any, observer: Observer, ours: Callable[[], bool]) -> Callable[..., Any]:
    """Outside of models, and of what keeps or changes the shape as a turned image does."""
    kind = original.__name__

    def turned(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if observer.current is None and args and not is_compiling():
            before, after = getattr(args[0], "shape", ()), getattr(result, "shape", ())
            square = len(after) >= 2 and after[-1] == after[-2] > 1
            if tuple(before) == tuple(after) and after and (square or kind.startswith("flip")) and ours():
                observer.timed(observer.turned, kind)
        return result

    return turned
