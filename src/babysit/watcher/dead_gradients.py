"""Gradients by an input that were computed without a graph, `torch.autograd.grad(u, x)`, and become a term of the loss.

Such a term is a number to `backward`: a physics residual, a gradient penalty or a force that nothing learns from. What becomes of
the gradient is followed through PyTorch's functions, in a few observed steps of a script that computes one: from there to
`backward`. Where it goes into a model (adversarial examples, sampling), nothing is said.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from .models import Models

TRIES, HITS = 8, 3
"""Steps that are followed, and those in which it must be seen."""
CALLS = 4000
"""Functions followed in one step."""
SUMS = frozenset(("add", "sub", "rsub", "__add__", "__radd__", "__sub__", "__rsub__", "__iadd__", "__isub__", "add_", "sub_", "sum"))  # fmt: skip
JOINED = frozenset(("stack", "cat", "concat", "hstack"))
LIVE, DEAD, SECOND, LOST = 1, 2, 4, 8
"""Made of a gradient that has a graph; of one that has none; that one is a second derivative; it was added to a loss."""


class DeadGradients:
    """Follows them; `tell` gets what was found."""

    def __init__(self, models: Models, tell: Callable[[dict[str, Any]], None]) -> None:
        self.models, self.tell = models, tell
        self.heard: Callable[..., Any] = lambda func, args, kwargs: func(*args, **kwargs)  # the listener puts its own
        self.tries = self.hits = self.calls = 0
        self.source: str | None = None
        self._marks: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._flow: Flow | None = None
        self._leaving: Flow | None = None

    def computed(self, outputs: Any, inputs: Any, results: Any, graph: bool, source: str | None) -> None:
        """`torch.autograd.grad` has given its results."""
        if self.tries >= TRIES or self.hits >= HITS:
            return
        asked = _tensors(inputs)
        if not asked or any(self.models.parameter(one) is not None for one in asked):
            return
        if not self._flow and not self._follow():
            return
        mark = LIVE
        if not graph:
            second = any(self.mark(one) & LIVE for one in _tensors(outputs)) and all(one.is_leaf for one in asked)
            mark = DEAD | SECOND * second
            self.source = self.source or source
        for one in _tensors(results):
            self._put(one, mark)

    def mark(self, x: Tensor) -> int:
        """What is known of a tensor."""
        ref, mark = self._marks.get(id(x), (None, 0))
        return mark if ref is not None and ref() is x else 0

    def fed(self, inputs: list[Tensor]) -> None:
        """A model is called with these: what goes into it is an example, not a term of a loss."""
        if self._flow and any(self.mark(one) & ~LIVE for one in inputs):
            self.tries = TRIES
            self.forget()

    def flowed(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        """A function has made something of tensors."""
        self.calls += 1
        if self.calls > CALLS:
            self.tries = TRIES
            self.forget()
            return
        given = _tensors(args)
        marks = [self.mark(one) for one in given]
        if not any(marks):
            return
        made = 0
        for one in marks:
            made |= one
        for one in _tensors(result):
            if not one.requires_grad:
                self._put(one, made & (DEAD | SECOND))
                continue
            kept = made & (LIVE | LOST)
            if name in SUMS or name in JOINED:
                for dead, mark in zip(given, marks, strict=True):
                    scalar = dead.numel() == 1 and (one.numel() == 1 or name in JOINED)
                    if mark & DEAD and not dead.requires_grad and (scalar or mark & SECOND):
                        kept |= LOST
            self._put(one, kept)

    def before_backward(self, loss: Tensor) -> None:
        """`backward` is about to run."""
        if not self._flow:
            return
        found = self.mark(loss) & LOST
        self.forget()
        self.tries += 1
        if found:
            self.hits += 1
            if self.hits == HITS:
                self.tell({"source": self.source})

    def forget(self) -> None:
        """The interval is over."""
        self._marks.clear()
        self.calls = 0
        if self._flow is not None:
            self._flow.owner = None
            self._flow, self._leaving = None, self._flow
        if self._leaving is not None and self._leaving.left():
            self._leaving = None

    def _put(self, x: Tensor, mark: int) -> None:
        if mark:
            self._marks[id(x)] = weakref.ref(x), mark
        else:
            self._marks.pop(id(x), None)

    def _follow(self) -> bool:
        """Listen to every function; not where somebody else does, who must leave first what he entered last."""
        if self._leaving is not None or _get_current_function_mode_stack():
            return False
        self._flow = Flow(self, self.heard)
        self._flow.__enter__()
        return True


class Flow(TorchFunctionMode):
    """Hears every function of PyTorch's between the first gradient and `backward`."""

    def __init__(self, owner: DeadGradients, heard: Callable[..., Any]) -> None:
        super().__init__()
        self.owner: DeadGradients | None = owner
        self._heard = heard

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.owner is None:
            return func(*args, **(kwargs or {}))
        return self._heard(func, args, kwargs or {})

    def left(self) -> bool:
        """Stop listening; not where somebody has entered after us, or while a function is being heard."""
        stack = _get_current_function_mode_stack()
        if stack and stack[-1] is self:
            self.__exit__(None, None, None)
            return True
        return False


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in an argument, or in lists of them."""
    return list(_inside(value, 0))


def _inside(value: Any, depth: int) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple) and depth < 3:
        for one in value[:256]:
            yield from _inside(one, depth + 1)
