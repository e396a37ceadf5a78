"""What the optimizer does: rate, schedule, clipping, decay, epsilon, betas, the update rule.

Group options are changed for the time of a step and put back after it, so that a scheduler or the
program itself, which read and write them between steps, go on as they would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from . import field
from .stage import Stage


def scaled(value: Any, old: float) -> float:
    """`value` as a number; "*0.1" is relative to `old`."""
    return old * float(value[1:]) if isinstance(value, str) and value.startswith("*") else float(value)


def during_step(stage: Stage, option: str, new: Callable[[Optimizer, dict[str, Any], Any], Any]) -> None:
    """In every group, let `option` be `new(optimizer, group, old)` while the optimizer steps."""
    held: list[tuple[dict[str, Any], Any, Any]] = []

    def before(optimizer: Optimizer) -> None:
        held.clear()
        for group in optimizer.param_groups:
            if option in group:
                held.append((group, group[option], changed := new(optimizer, group, group[option])))
                group[option] = changed
                if changed != (tuple(was) if isinstance(was := held[-1][1], list) else was):
                    stage.did()

    def after(optimizer: Optimizer) -> None:
        for group, old, changed in held:
            if group[option] is changed or group[option] == changed:
                group[option] = old
        held.clear()

    stage.before_step(before)
    stage.after_step(after)


@field("lr")
def lr(stage: Stage, value: Any) -> None:
    """The learning rate is another: a number, or "*0.1" of what the program has at that step."""
    during_step(stage, "lr", lambda optimizer, group, old: scaled(value, float(old)))


@field("warmup")
def warmup(stage: Stage, value: Any) -> None:
    """The learning rate rises from 0 over the first steps: a count, or a share of 1,000 steps when below 1."""
    steps = max(1.0, float(value) if float(value) >= 1 else float(value) * 1000)
    during_step(stage, "lr", lambda optimizer, group, old: float(old) * min(1.0, stage.steps / steps))


@field("schedule")
def schedule(stage: Stage, value: Any) -> None:
    """The learning rate stays what it was at the optimizer's first step ("constant")."""
    first: dict[int, float] = {}
    during_step(stage, "lr", lambda optimizer, group, old: first.setdefault(id(group), _peak(group, old)))


def _peak(group: dict[str, Any], now: float) -> float:
    """The rate that a scheduler starts from, where one has written it down; else the rate at the first step."""
    return float(group.get("max_lr", group.get("initial_lr", now)))


@field("weight_decay")
def weight_decay(stage: Stage, value: Any) -> None:
    """Weight decay is another: a number, or "*0.1" of what it was."""
    during_step(stage, "weight_decay", lambda optimizer, group, old: scaled(value, float(old)))


@field("eps")
def eps(stage: Stage, value: Any) -> None:
    """The optimizer's epsilon is another."""
    during_step(stage, "eps", lambda optimizer, group, old: float(value))


@field("betas")
def betas(stage: Stage, value: Any) -> None:
    """Adam's betas are others."""
    during_step(stage, "betas", lambda optimizer, group, old: tuple(map(float, value)))


@field("momentum")
def momentum(stage: Stage, value: Any) -> None:
    """SGD's momentum is another."""
    during_step(stage, "momentum", lambda optimizer, group, old: float(value))


@field("clip_norm")
def clip_norm(stage: Stage, value: Any) -> None:
    """The gradient's norm is clipped at a number, at "p90" of the norms seen so far, or (None) not at all."""
    if value is None:
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            stage.replace(torch.nn.utils, name, lambda original: _unclipped(stage, original))
        return
    seen: list[float] = []

    def clip(optimizer: Optimizer) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not parameters:
            return
        norm = float(torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]))
        limit = _p90(seen) if value == "p90" else float(value)
        if norm == norm and norm != float("inf"):
            seen.append(norm)
            torch.nn.utils.clip_grads_with_norm_(parameters, limit, torch.tensor(norm))
        else:
            for parameter in parameters:  # a step on it could only harm
                parameter.grad = torch.zeros_like(parameter)
        stage.did()

    stage.before_step(clip)


def _p90(seen: list[float]) -> float:
    if len(seen) < 5:
        return min(seen, default=1.0)
    return sorted(seen)[int(0.9 * (len(seen) - 1))]


def _unclipped(stage: Stage, original: Callable[..., Any]) -> Callable[..., Any]:
    name = stage._now

    def leave(parameters: Any, *args: Any, **kwargs: Any) -> Any:
        with stage.of(name):
            stage.did()
        parameters = [parameters] if isinstance(parameters, torch.Tensor) else list(parameters)
        return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])

    return leave


@field("optimizer")
def optimizer(stage: Stage, value: Any) -> None:
    """Another update rule ("adam", "adamw", "sgd", "momentum", "rmsprop") moves the same parameters."""
    twins: dict[int, Optimizer] = {}

    def swap(own: Optimizer) -> None:
        if any(own is twin for twin in twins.values()):
            return
        groups = [
            {"params": group["params"], "lr": group["lr"], "weight_decay": group.get("weight_decay", 0.0)}
            for group in own.param_groups
        ]
        twins[id(own)] = twin = _new_optimizer(str(value), groups)
        twin._babysit_own = own  # type: ignore[attr-defined]  # its steps count as the program's own
        own.step = lambda closure=None: _step_as(own, twin, closure)  # type: ignore[method-assign]
        stage.later(lambda: vars(own).pop("step", None))
        stage.did()

    stage.on_optimizer(swap)


def _held(optimizer: Optimizer) -> set[int]:
    return {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}


def _new_optimizer(name: str, groups: list[dict[str, Any]]) -> Optimizer:
    makers: dict[str, Callable[..., Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
        "sgd": torch.optim.SGD,
        "momentum": lambda groups: torch.optim.SGD(groups, lr=1e-2, momentum=0.9),
    }
    return makers[name](groups)


def _step_as(own: Optimizer, twin: Optimizer, closure: Callable[[], Any] | None) -> Any:
    loss = closure() if closure is not None else None
    for mine, other in zip(own.param_groups, twin.param_groups, strict=False):
        other["lr"] = mine["lr"]
    held = _held(twin)
    for group in own.param_groups:  # what joined it since
        fresh = [parameter for parameter in group["params"] if id(parameter) not in held]
        if fresh:
            twin.add_param_group({**{k: group[k] for k in ("lr", "weight_decay") if k in group}, "params": fresh})
    twin.step()
    return loss
