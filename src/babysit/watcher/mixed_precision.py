"""The ears for PyTorch's gradient scaler: what a loss was before it was scaled, and which steps it did not let happen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .observer import Observer


def replacements(
    observer: Observer, ours: Callable[[], bool]
) -> list[tuple[Any, str, Callable[[Any], Callable[..., Any]]]]:
    """(owner, name, what makes a listening function of the original) for each function that is heard."""

    def scaling(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def scale(scaler: Any, outputs: Any) -> Any:
            result = original(scaler, outputs)
            if ours() and isinstance(outputs, Tensor):
                observer.settle()
                observer.unscaled = (id(result), outputs.detach())
            return result

        return scale

    def stepping(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            if not ours() or not scaler.is_enabled():
                return original(scaler, optimizer, *args, **kwargs)
            held = observer.order.known(optimizer)
            before = held.steps if held is not None else 0
            result = original(scaler, optimizer, *args, **kwargs)
            held = observer.order.known(optimizer)
            if isinstance(optimizer, Optimizer) and (held.steps if held is not None else 0) == before:
                observer.timed(observer.skipped, optimizer)
            return result

        return step

    def updating(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def update(scaler: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(scaler, *args, **kwargs)
            if ours() and observer.deep and scaler.is_enabled():
                observer.timed(_scale, observer, scaler)
            return result

        return update

    scaler = torch.amp.GradScaler
    return [(scaler, "scale", scaling), (scaler, "step", stepping), (scaler, "update", updating)]


def _scale(observer: Observer, scaler: Any) -> None:
    if scaler._scale is not None:
        observer.transfer.add(scaler._scale.detach().float(), lambda values: observer.put(("amp.scale", ""), values[0]))
