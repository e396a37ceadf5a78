"""The ears for `torch.autograd.grad`, and for what becomes of the gradients that it gives."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.compiler import is_compiling

from .observer import Observer
from .patches import Patches
from .structure import is_tracing


def has_compiled() -> bool:
    """Has torch.compile compiled anything? Then hooks stay on: its guards ask which there are, and each change compiles anew."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    return dynamo is not None and dynamo.counters["stats"]["unique_graphs"] > 0


def listen(observer: Observer, ours: Callable[[], bool], patches: Patches) -> None:
    """Hear gradients that are asked for; and every function of PyTorch's, while one of them is followed."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        inside = [False]

        def grad(*args: Any, **kwargs: Any) -> Any:
            if inside[0]:  # somebody else's mode calls it again
                return original(*args, **kwargs)
            inside[0] = True
            try:
                results = original(*args, **kwargs)
            finally:
                inside[0] = False
            if observer.deep and not is_compiling() and not has_compiled() and ours() and not is_tracing():
                outputs, inputs = (
                    args[at] if len(args) > at else kwargs.get(name) for at, name in enumerate(("outputs", "inputs"))
                )
                graph = bool(args[4] if len(args) > 4 else kwargs.get("create_graph"))
                observer.timed(observer.differentiated, outputs, inputs, results, graph)
            return results

        return grad

    def heard(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = getattr(func, "__name__", "")
        if not ours() or name == "backward":
            return func(*args, **kwargs)
        observer.busy = True  # what it calls in turn is not the script's call
        try:
            result = func(*args, **kwargs)
        finally:
            observer.busy = False
        observer.timed(observer.dead.flowed, name, (*args, *kwargs.values()), result)
        return result

    patches.enter(torch.autograd.grad, make)
    observer.dead.heard = heard
