"""The order of calls, which parameters are trained, and where the gradient gets through."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from . import field
from .stage import Call, Stage


@field("zero_grad")
def zero_grad(stage: Stage, value: Any) -> None:
    """Gradients are cleared right after every step, as a loop that clears them before backward has it."""

    def clear(optimizer: Optimizer) -> None:
        optimizer.zero_grad(set_to_none=True)
        stage.did()

    stage.after_step(clear)


@field("order")
def order(stage: Stage, value: Any) -> None:
    """Whatever the program's order: after each backward the optimizer steps, then gradients are cleared.

    The program's own calls of step and zero_grad do nothing. Where it steps and never goes backward, the newest
    criterion's value is gone backward from.
    """
    real_step: dict[int, tuple[Optimizer, Callable[..., Any]]] = {}
    values: list[Tensor] = []
    waiting: list[int] = []  # the program's steps since a backward

    def own_step(closure: Callable[[], Any] | None = None) -> Any:
        result = closure() if closure else None
        waiting.append(1)
        if values and len(waiting) > len(real_step):
            values[-1].backward()
            waiting[:] = [1] * len(real_step)  # it never will: so at the next step too
        return result

    def take_over(optimizer: Optimizer) -> None:
        if id(optimizer) not in real_step:
            real_step[id(optimizer)] = (optimizer, optimizer.step)
            optimizer.step = own_step  # type: ignore[method-assign]
            optimizer.zero_grad = lambda set_to_none=True: None  # type: ignore[method-assign]
            stage.later(lambda: (vars(optimizer).pop("step", None), vars(optimizer).pop("zero_grad", None)))

    name = stage._now

    def created(original: Callable[..., Any]) -> Callable[..., Any]:
        def init(self: Optimizer, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            take_over(self)

        return init

    stage.replace(Optimizer, "__init__", created)

    def computed(call: Call, value: Tensor) -> None:
        if call.training and value.numel() == 1:
            values[:] = [value]

    def step_all() -> None:
        values.clear()
        waiting.clear()
        for optimizer, step in list(real_step.values()):
            if any(p.grad is not None for group in optimizer.param_groups for p in group["params"]):
                step()
                type(optimizer).zero_grad(optimizer, set_to_none=True)
                with stage.of(name):
                    stage.did()

    stage.after_criterion(computed)
    stage.after_backward(step_all)


@field("optimize")
def optimize(stage: Stage, value: Any) -> None:
    """The optimizer also gets the trainable parameters of the models that run and that no optimizer holds.

    Layers kept in plain Python lists or dicts of a module, which PyTorch doesn't register, count too.
    """
    checked: set[int] = set()

    def adopt(optimizer: Optimizer) -> None:
        if id(optimizer) in checked:
            return
        checked.add(id(optimizer))
        held = {id(p) for one in [*stage.optimizers, optimizer] for group in one.param_groups for p in group["params"]}
        missing = [p for model in stage.models for p in _parameters(model) if p.requires_grad and id(p) not in held]
        if missing:
            optimizer.add_param_group({"params": list({id(p): p for p in missing}.values())})
            stage.did()

    stage.on_model(lambda model: None)  # so that models are known
    stage.before_step(adopt)


def _parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """All parameters, those of unregistered layers included."""
    yield from module.parameters()
    for part in module.modules():
        for value in vars(part).values():
            held = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
            for one in held:
                if isinstance(one, nn.Module):
                    yield from one.parameters()


@field("unfreeze")
def unfreeze(stage: Stage, value: Any) -> None:
    """Parameters that don't ask for gradients do ("all")."""

    def thaw(model: nn.Module) -> None:
        for parameter in model.parameters():
            if not parameter.requires_grad and parameter.is_floating_point():
                parameter.requires_grad_(True)
                stage.did()

    stage.on_model(thaw)
    optimize.apply(stage, value)


@field("undetach")
def undetach(stage: Stage, value: Any) -> None:
    """Inside a model that is being trained, detach() and no_grad() let the gradient through."""
    inside: list[bool] = []
    name = stage._now

    def acted() -> None:
        with stage.of(name):
            stage.did()

    def through(original: Callable[..., Any]) -> Callable[..., Any]:
        def detach(self: Tensor) -> Tensor:
            if inside and self.requires_grad and torch.is_grad_enabled():
                acted()
                return self
            return original(self)

        return detach

    def stay(original: Callable[..., Any]) -> Callable[..., Any]:
        def enter(self: Any) -> Any:
            result = original(self)
            if inside:
                torch.set_grad_enabled(True)
                acted()
            return result

        return enter

    stage.replace(Tensor, "detach", through)
    stage.replace(torch.no_grad, "__enter__", stay)
    stage.before_forward(lambda forward: inside.append(True) if forward.training else None)
    stage.after_forward(lambda model: inside.clear())


@field("update_each_batch")
def update_each_batch(stage: Stage, value: Any) -> None:
    """The optimizer steps after each backward (gradient accumulation is taken out)."""
    with contextlib.suppress(AttributeError):
        order.apply(stage, value)
