"""A few forwards of a copy of the model, on a batch that it was given: what its outputs depend on.

The copy is in evaluation mode, random states are put back, what it prints is thrown away, and a model that can't be
copied or called again without touching something of the script's is left alone.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import math
import os
import random
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks
from torch.utils import _pytree as pytree

from .layers import is_plain

MOST_BYTES = 1 << 26
"""A model, or a batch, larger than this (64 MiB) is not copied."""
_PLAIN = (int, float, complex, str, bytes, type(None), type, types.FunctionType, types.BuiltinFunctionType, types.MethodType,
          types.ModuleType, functools.partial, torch.dtype, torch.device, torch.Size, Enum, np.generic, range, slice)  # fmt: skip
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_RANDOM = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


class CannotCopy(Exception):
    """The model can't be called again without a trace, and this is why."""


@dataclass(eq=False)
class Given:
    """What one forward got.

    Attributes:
        module: the model (kept for one interval only).
        leaves: its arguments, flat; tensors are copies of their own.
        places: where each tensor lay in memory, to know a target that was handed in too.
    """

    module: nn.Module
    leaves: list[Any]
    spec: Any
    places: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tensors = [(index, one) for index, one in enumerate(self.leaves) if isinstance(one, Tensor)]
        if not tensors or not all(is_plain(one) for _, one in tensors):
            raise CannotCopy("no plain tensors go in")
        if any(one.device.type not in ("cpu", "cuda") for _, one in tensors):
            raise CannotCopy("its random state can't be put back")
        if sum(one.numel() * one.element_size() for _, one in tensors) > MOST_BYTES:
            raise CannotCopy("the batch is too large")
        for index, one in tensors:
            self.places[index] = one.data_ptr()
            self.leaves[index] = one.detach().clone()

    @property
    def tensors(self) -> dict[int, Tensor]:
        """The tensors among the arguments, by their place."""
        return {index: self.leaves[index] for index in self.places}

    def narrowed(self, axis: int, size: int, few: int) -> Given:
        """The same with the first few examples, of `size`."""
        leaves = [
            one.narrow(axis, 0, few) if index in self.places and one.ndim > axis and one.shape[axis] == size else one
            for index, one in enumerate(self.leaves)
        ]
        new = copy.copy(self)
        new.leaves = leaves
        return new

    def call(self, module: nn.Module, replace: dict[int, Tensor]) -> list[Tensor]:
        """The tensors that the module gives, with other values in some places."""
        leaves = [replace.get(index, one) for index, one in enumerate(self.leaves)]
        leaves = [one.clone() if isinstance(one, Tensor) else one for one in leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        return [one for one in pytree.tree_leaves(_opened(module(*args, **kwargs))) if isinstance(one, Tensor)]


def given(module: nn.Module, args: tuple[Any, ...]) -> Given:
    """What a forward gets that is about to run.

    Raises:
        CannotCopy: it isn't the model's plain call, or too large.
    """
    if module._forward_hooks or module._forward_pre_hooks or getattr(module, "_compiled_call_impl", None) is not None:
        raise CannotCopy("it has hooks of its own")
    leaves, spec = pytree.tree_flatten((args, _keywords(module)))
    return Given(module, list(leaves), spec)


def _keywords(module: nn.Module) -> dict[str, Any]:
    """The keyword arguments of the call that is running: PyTorch's hooks aren't told them."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == module_hooks.__file__ and "kwargs" in frame.f_locals:
            if frame.f_locals.get("self") is module:
                return dict(frame.f_locals["kwargs"])
        frame = frame.f_back
    raise CannotCopy("it was not called as a module")


def _opened(output: Any) -> Any:
    """A dataclass of outputs as a dict."""
    return dict(vars(output)) if is_dataclass(output) and not isinstance(output, dict | type) else output


def twin(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode.

    Raises:
        CannotCopy: something hangs on it that a copy could not have for itself.
    """
    size = sum(one.numel() * one.element_size() for one in [*module.parameters(), *module.buffers()])
    if size > MOST_BYTES:
        raise CannotCopy("the model is too large")
    if any(
        len(getattr(module_hooks, name)) > 1
        for name in dir(module_hooks)
        if name.endswith("_hooks") and "global" in name
    ):
        raise CannotCopy("there are hooks of somebody else's on every module")
    memo: dict[int, Any] = {}
    for one in module.modules():
        if any(getattr(one, name, None) for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")):
            raise CannotCopy("it has hooks of its own")
        if type(one).__module__.startswith("torch."):
            continue
        for name, value in vars(one).items():
            if name not in ("_parameters", "_buffers", "_modules") and not _is_plain(value, memo):
                raise CannotCopy(f"{type(one).__name__}.{name} can't be copied for a try")
    return copy.deepcopy(module, memo).eval()


def _is_plain(value: Any, memo: dict[int, Any], depth: int = 0) -> bool:
    """Is it the module's own: numbers, text, tensors, modules, and what is made of them?"""
    if isinstance(value, Tensor):
        if value.grad_fn is not None:  # an activation that was kept: PyTorch doesn't copy those
            memo[id(value)] = value.detach()
        return value.numel() * value.element_size() <= MOST_BYTES
    if isinstance(value, _RANDOM):
        return False
    if isinstance(value, (nn.Module, *_PLAIN)):
        return True
    if isinstance(value, np.ndarray):
        return value.nbytes <= MOST_BYTES and value.dtype != object
    if depth > 3:
        return False
    if isinstance(value, dict):
        return len(value) <= 10_000 and all(_is_plain(one, memo, depth + 1) for one in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return len(value) <= 10_000 and all(_is_plain(one, memo, depth + 1) for one in value)
    if is_dataclass(value) or type(value).__name__ in ("Namespace", "SimpleNamespace"):
        return all(_is_plain(one, memo, depth + 1) for one in vars(value).values())
    return False


def named_outside(module: nn.Module) -> list[tuple[dict[str, Any], str]]:
    """(globals, name) of what the methods of a user's own modules name outside of themselves."""
    found: dict[tuple[int, str], tuple[dict[str, Any], str]] = {}
    for kind in {type(one) for one in module.modules()}:
        for base in kind.__mro__:
            if base is nn.Module or base.__module__.split(".")[0] == "torch":
                break
            for function in vars(base).values():
                if not isinstance(function, types.FunctionType):
                    continue
                function = _undecorated(function)
                if function.__closure__ and any(name != "__class__" for name in function.__code__.co_freevars):
                    raise CannotCopy("its methods share variables with what is around them")
                space = function.__globals__
                for name in _names(function.__code__):
                    if name in space:
                        found[id(space), name] = (space, name)
    return list(found.values())


def _undecorated(function: types.FunctionType) -> types.FunctionType:
    """What one of PyTorch's own decorators (`torch.no_grad()`) holds."""
    while function.__code__.co_filename.startswith(_TORCH) and hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            names |= _names(one)
    return names


@contextlib.contextmanager
def without_trace(module: nn.Module) -> Iterator[None]:
    """What runs inside leaves random states, the script's variables and its output as they are.

    Raises:
        CannotCopy: the modules' code names something that could not be put back.
    """
    outside = []
    for space, name in named_outside(module):
        value = space[name]
        if isinstance(value, _RANDOM) or type(value).__name__ in ("SummaryWriter", "Run"):
            raise CannotCopy(f"its methods use {name}")
        own = copy.copy(value) if type(value) in (list, dict, set) else None
        outside.append((space, name, value, own))
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    devices = {one.device for one in module.parameters() if one.is_cuda}
    cuda = [(one, torch.cuda.get_rng_state(one)) for one in devices]
    try:
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        for device, state in cuda:
            torch.cuda.set_rng_state(state, device)
        for space, name, value, own in outside:
            space[name] = value
            if own is not None and len(own) != len(value):
                _refill(value, own)


def _refill(value: Any, own: Any) -> None:
    value.clear()
    value.extend(own) if isinstance(value, list) else value.update(own)


def affordable(seconds: float, overhead: float | None, elapsed: float) -> bool:
    """May a look cost so much? Half of what watching may cost so far, or a tenth of a second at the start."""
    return not math.isnan(seconds) and seconds < max(0.1, 0.5 * (overhead or 0.03) * elapsed)
