"""The ears for a script's own scoring: comparisons, and looking for the largest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from .observer import Observer

EQUALS = ((Tensor, ("__eq__", "eq", "__ne__", "ne")), (torch, ("eq", "ne")))
LARGEST = ((Tensor, ("argmax", "max")), (torch, ("argmax", "max")))


def replacements(
    observer: Observer, ours: Callable[[], bool]
) -> list[tuple[Any, str, Callable[[Any], Callable[..., Any]]]]:
    """(owner, name, what makes a listening function of the original) for each function that is heard."""
    found = [
        (owner, name, lambda original: _equals(original, observer, ours)) for owner, names in EQUALS for name in names
    ]
    found += [
        (owner, name, lambda original: _largest(original, observer, ours)) for owner, names in LARGEST for name in names
    ]
    return found  # type: ignore[return-value]


def _equals(original: Any, observer: Observer, ours: Callable[[], bool]) -> Callable[..., Any]:
    def compared(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if is_compiling() or observer.comparisons.output is None or len(args) != 2 or kwargs:
            return result
        if isinstance(args[1], Tensor) and isinstance(args[0], Tensor) and ours():
            observer.timed(_hear, observer, args[0], args[1], result)
        return result

    return compared


def _hear(observer: Observer, a: Tensor, b: Tensor, result: Any) -> None:
    with torch.no_grad():
        observer.guard("turning", observer.turning.compared, a, b, observer.comparisons.output)
        observer.comparisons.compared(a.detach(), b.detach(), result, lambda: observer.sources.here(4))


def _largest(original: Any, observer: Observer, ours: Callable[[], bool]) -> Callable[..., Any]:
    def largest(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if is_compiling() or observer.comparisons.output is None or not args:
            return result
        dim = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
        if dim is not None and ours():
            observer.timed(observer.comparisons.largest, args[0], dim)
        return result

    return largest
