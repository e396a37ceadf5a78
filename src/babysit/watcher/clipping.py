"""The ears for gradient clipping: how large the gradient was before, and to what it was cut."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad

from .observer import Observer


def replacements(
    observer: Observer, ours: Callable[[], bool]
) -> list[tuple[Any, str, Callable[[Any], Callable[..., Any]]]]:
    """(owner, name, what makes a listening function of the original) for each function that is heard."""

    def by_norm(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def clip(parameters: Any, max_norm: Any, *args: Any, **kwargs: Any) -> Any:
            norm = original(parameters, max_norm, *args, **kwargs)
            if ours() and observer.deep:
                observer.timed(_clipped, observer, norm, max_norm)
            return norm

        return clip

    def by_value(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def clip(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            if not (ours() and observer.deep):
                return original(parameters, *args, **kwargs)
            parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            before = observer.timed(_norm, parameters)
            done = original(parameters, *args, **kwargs)
            observer.timed(_clipped_values, observer, before, parameters)
            return done

        return clip

    heard = {"clip_grad_norm_": by_norm, "clip_grad_norm": by_norm, "clip_grad_value_": by_value}
    return [(owner, name, make) for name, make in heard.items() for owner in (torch.nn.utils, clip_grad)]


def _clipped(observer: Observer, norm: Any, limit: Any) -> None:
    host = observer.host
    if isinstance(norm, Tensor):
        observer.transfer.add(norm.detach(), lambda values: host.__setitem__(("gradient.before_clip", ""), values[0]))
    observer.put(("gradient.clip_at", ""), float(limit))


def _norm(parameters: list[Tensor]) -> Tensor:
    """The norm over all gradients."""
    return torch.nn.utils.get_total_norm([one.grad.detach() for one in parameters if one.grad is not None])


def _clipped_values(observer: Observer, before: Any, parameters: list[Tensor]) -> None:
    """Clipped by value: the norm that is left stands for the limit."""
    if isinstance(before, Tensor) and before.ndim == 0:
        host, both = observer.host, torch.stack([before, _norm(parameters)])
        observer.transfer.add(both, lambda values: host.update({("gradient.before_clip", ""): values[0], ("gradient.clip_at", ""): values[1]}))  # fmt: skip
