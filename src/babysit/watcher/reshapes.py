"""The ears for views that change the order of axes without moving a number: `x.view(n, 3, h, w)` of (n, h, w, 3).

A view keeps the numbers in their order; where only the axes trade places, a permutation was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from .observer import Observer

VIEWS = ((Tensor, ("view", "reshape")), (torch, ("reshape",)))


def replacements(
    observer: Observer, ours: Callable[[], bool]
) -> list[tuple[Any, str, Callable[[Any], Callable[..., Any]]]]:
    """(owner, name, what makes a listening function of the original) for each function that is heard."""
    make = lambda original: _heard(original, observer, ours)  # noqa: E731
    return [(owner, name, make) for owner, names in VIEWS for name in names]


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


def _heard(original: Any, observer: Observer, ours: Callable[[], bool]) -> Callable[..., Any]:
    def viewed(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if type(result) is Tensor and result.ndim >= 3 and not is_compiling() and type(args[0]) is Tensor:
            before, after = args[0].shape, result.shape
            if before != after and trades_axes(before, after) and ours():
                observer.timed(observer.viewed, list(before), list(after))
        return result

    return viewed
