"""The stage: a running program as an edit sees it, as a few moments to act at.

Models are modules called from outside any other module, with parameters of their own. Functions of
PyTorch are replaced only where an edit asks for that moment, and put back at the end.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

CRITERIA = (
    "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "kl_div", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "soft_margin_loss", "hinge_embedding_loss", "poisson_nll_loss",
)  # fmt: skip


@dataclass
class Call:
    """A criterion about to be computed; an edit may change any of it.

    Where `shown` is told, the program gets that value, and the gradient of what the call computes.
    """

    name: str
    output: Tensor
    target: Tensor
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    training: bool = True  # gradients are enabled and the output asks for them
    shown: Tensor | None = None


@dataclass
class Forward:
    """A model about to run; an edit may change what goes in."""

    model: nn.Module
    inputs: tuple[Any, ...]
    training: bool  # gradients are enabled


class Stage:
    """Moments of a running training; `with Stage() as stage` puts everything back at the end.

    Attributes:
        models: the models seen so far, in the order of their first call.
        optimizers: the optimizers that have stepped.
        steps: optimizer steps so far.
        depth: modules that are in their forward now, one in another.
    """

    def __init__(self) -> None:
        self.models: list[nn.Module] = []
        self.optimizers: list[Optimizer] = []
        self.steps = 0
        self.depth = 0
        self._undo = contextlib.ExitStack()
        self._asked: dict[str, bool] = {}
        self._now = ""
        self._patched: set[str] = set()
        self.rewrite: Callable[[Any], Any] | None = None  # a change of the source, as it is loaded
        self._on: dict[str, list[tuple[str, Callable[..., Any]]]] = {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    # bookkeeping of which field did something

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        """What is asked for inside belongs to the field `name`."""
        self._now, before = name, self._now
        self._asked.setdefault(name, False)
        try:
            yield
        finally:
            self._now = before

    def did(self) -> None:
        """The field whose moment this is has acted."""
        self._asked[self._now] = True

    @property
    def idle(self) -> list[str]:
        """Fields that never met what they were to change."""
        return [name for name, acted in self._asked.items() if not acted]

    def _ask(self, moment: str, act: Callable[..., Any]) -> None:
        self._on.setdefault(moment, []).append((self._now, act))

    def _tell(self, moment: str, *what: Any) -> None:
        for name, act in self._on.get(moment, ()):
            with self.of(name):
                act(*what)

    # moments

    def on_model(self, act: Callable[[nn.Module], None]) -> None:
        """`act(model)` once, just before a model runs for the first time."""
        self._ask("model", act)
        self._watch_forwards()

    def before_forward(self, act: Callable[[Forward], None]) -> None:
        """`act(forward)` before a model runs; it may replace `forward.inputs`."""
        self._ask("forward", act)
        self._watch_forwards()

    def after_forward(self, act: Callable[[nn.Module], None]) -> None:
        """`act(model)` after a model ran, also when it failed."""
        self._ask("forward_end", act)
        self._watch_forwards()

    def on_made(self, act: Callable[[nn.Module, Any], None]) -> None:
        """`act(model, output)` after a model ran, whatever it made."""
        self._ask("made", act)
        self._watch_forwards()

    def on_output(self, act: Callable[[nn.Module, Tensor], Tensor]) -> None:
        """`act(model, output)` gives what a model that made one tensor hands on."""
        self._ask("output", act)
        self._watch_forwards()

    def on_criterion(self, act: Callable[[Call], None]) -> None:
        """`act(call)` before one of PyTorch's criteria is computed; it may change the call."""
        self._ask("criterion", act)
        if "criteria" not in self._patched:
            self._patched.add("criteria")
            for name in CRITERIA:
                self.replace(F, name, functools.partial(self._criterion, name))

    def after_criterion(self, act: Callable[[Call, Tensor], None]) -> None:
        """`act(call, value)` after one of PyTorch's criteria was computed."""
        self._ask("criterion_end", act)
        self.on_criterion(lambda call: None)

    def before_backward(self, act: Callable[[Tensor, Tensor | None], Tensor | None]) -> None:
        """`act(loss, gradient)` before backward; gives the gradient to start from (None: as it was)."""
        self._ask("backward", act)
        self._watch_backward()

    def after_backward(self, act: Callable[[], None]) -> None:
        """`act()` after a backward pass that the program asked for."""
        self._ask("backward_end", act)
        self._watch_backward()

    def before_step(self, act: Callable[[Optimizer], None]) -> None:
        """`act(optimizer)` before an optimizer's step."""
        self._ask("step", act)
        self._watch_steps()

    def after_step(self, act: Callable[[Optimizer], None]) -> None:
        """`act(optimizer)` after an optimizer's step."""
        self._ask("step_end", act)
        self._watch_steps()

    def on_optimizer(self, act: Callable[[Optimizer], None]) -> None:
        """`act(optimizer)` once, before the first step of each optimizer."""
        self._ask("optimizer", act)
        self._watch_steps()

    def replace(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Replace `owner.name` by `make(original)` until the end."""
        inherited = name not in vars(owner)
        original = getattr(owner, name)
        kept = None if inherited else vars(owner)[name]  # a classmethod as it stands there, not bound
        setattr(owner, name, make(original))
        self._undo.callback((lambda: delattr(owner, name)) if inherited else (lambda: setattr(owner, name, kept)))

    def later(self, undo: Callable[[], object]) -> None:
        """Call `undo()` at the end."""
        self._undo.callback(undo)

    # how the moments are found

    def _watch_forwards(self) -> None:
        if "forwards" in self._patched:
            return
        self._patched.add("forwards")

        def before(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
            self.depth += 1
            if self.depth > 1 or not _is_model(module):
                return None
            if not any(module is one for one in self.models):
                self.models.append(module)
                self._tell("model", module)
            forward = Forward(module, inputs, torch.is_grad_enabled())
            self._tell("forward", forward)
            return forward.inputs if forward.inputs is not inputs else None

        def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
            self.depth = max(0, self.depth - 1)
            if self.depth or not _is_model(module):
                return None
            self._tell("forward_end", module)
            changed = output
            for name, act in self._on.get("output", ()) if isinstance(output, Tensor) else ():
                with self.of(name):
                    changed = act(module, changed)
            self._tell("made", module, changed)
            return None if changed is output else changed

        self._undo.callback(hooks.register_module_forward_pre_hook(before).remove)
        self._undo.callback(hooks.register_module_forward_hook(after, always_call=True).remove)

    def _watch_steps(self) -> None:
        if "steps" in self._patched:
            return
        self._patched.add("steps")

        def before(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            if not any(optimizer is one for one in self.optimizers):
                self.optimizers.append(optimizer)
                self._tell("optimizer", optimizer)
            self.steps += getattr(optimizer, "_babysit_own", optimizer) is self.optimizers[0]
            self._tell("step", optimizer)

        def after(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            self._tell("step_end", optimizer)

        self._undo.callback(register_optimizer_step_pre_hook(before).remove)
        self._undo.callback(register_optimizer_step_post_hook(after).remove)

    def _watch_backward(self) -> None:
        if "backward" in self._patched:
            return
        self._patched.add("backward")

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def backward(loss: Tensor, gradient: Tensor | None = None, *args: Any, **kwargs: Any) -> None:
                for name, act in self._on.get("backward", ()):
                    with self.of(name):
                        gradient = act(loss, gradient)
                original(loss, gradient, *args, **kwargs)
                self._tell("backward_end")

            return backward

        self.replace(Tensor, "backward", make)

    def _criterion(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def criterion(input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            training = torch.is_grad_enabled() and isinstance(input, Tensor) and input.requires_grad
            call = Call(name, input, target, args, dict(kwargs), training)
            self._tell("criterion", call)
            compute = original if call.name == name else _ORIGINAL[call.name]
            result = compute(call.output, call.target, *call.arguments, **call.options)
            result = result if call.shown is None else call.shown + (result - result.detach())
            self._tell("criterion_end", call, result)
            return result

        return criterion


_ORIGINAL: dict[str, Callable[..., Any]] = {name: getattr(F, name) for name in CRITERIA}


def original(name: str) -> Callable[..., Any]:
    """PyTorch's own criterion, unedited."""
    return _ORIGINAL[name]


def _is_model(module: nn.Module) -> bool:
    """Has it parameters of its own? (A criterion as a module has none.)"""
    return next(module.parameters(), None) is not None
