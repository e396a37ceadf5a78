"""Which parameters get a gradient, are held by an optimizer, and moved in the program's own first steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...hosts.edits.stage import Stage
from ...record import Run
from .asking import Asking
from .step import Body, Step


def look(asking: Asking) -> Run:
    """The fact `parameters` ("name", "optimizer", "registered", "requires_grad", "called"); `gradient.norm` (-1: none),
    `update.zero`, `calls.carried` (steps of an optimizer that kept older gradients), `calls.empty` (steps without any gradient),
    `calls.flat` (steps whose gradients are all exactly 0 at a loss that isn't).
    """
    step, run, subject = asking.playable(), Run(), asking.subject
    held = {id(one): str(number) for number, optimizer in enumerate(subject.body.optimizers)
            for group in optimizer.param_groups for one in group["params"]}  # fmt: skip
    registered = subject.body.parameters()
    called = _called(subject.body, step)
    facts: list[dict[str, Any]] = []
    names = {id(one): name for name, one in registered.items()}
    extra = {
        id(one): f"{kind} (not registered)"
        for kind, one, grad in called
        if grad and id(one) not in names and one.requires_grad
    }
    order = {id(one): number for number, (_, one, _) in enumerate(called)}
    graded = {id(one) for _, one, grad in called if grad}
    everything = [(name, one, True) for name, one in registered.items()]
    everything += [(extra[id(one)], one, False) for _, one, _ in called if id(one) in extra]
    for name, one, is_registered in everything:
        facts.append({
            "name": name, "shape": list(one.shape), "requires_grad": one.requires_grad, "optimizer": held.get(id(one)),
            "registered": is_registered, "called": order.get(id(one)), "graded": id(one) in graded, "fresh": _fresh(one),
        })  # fmt: skip
        if id(one) in subject.gradients:
            run.append(0, {("gradient.norm", name): subject.gradients[id(one)]})
        if id(one) in subject.moved:
            run.append(0, {("update.zero", name): float(not subject.moved[id(one)])})
    run.set_fact("parameters", facts)
    run.set_fact(
        "optimizers",
        [{"index": number, "kind": type(one).__name__} for number, one in enumerate(subject.body.optimizers)],
    )
    run.set_fact("given", subject.given)
    run.set_fact("foreign", subject.foreign)
    run.append(0, {("lr", ""): max(subject.rates.values(), default=0.0), ("calls.step", ""): float(subject.steps)})
    for number in range(len(subject.body.optimizers)):
        run.append(0, {("calls.carried", str(number)): float(subject.carried.get(number, 0)),
                       ("calls.empty", str(number)): float(subject.empty.get(number, 0)),
                       ("calls.flat", str(number)): float(subject.flat.get(number, 0))})  # fmt: skip
    return run


def _called(body: Body, step: Step) -> list[tuple[str, Tensor, bool]]:
    """(class of module, parameter, were gradients on?) of all modules that run in a step, in call order."""
    found: list[tuple[str, Tensor, bool]] = []

    def make(original: Any) -> Any:
        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            grad = torch.is_grad_enabled()
            found.extend((type(module).__name__, one, grad) for one in module.parameters(recurse=False))
            return original(module, *args, **kwargs)

        return call

    copied = body.copy()
    back = {id(new): old for old, new in zip(_all(body), _all(copied), strict=True)}
    with Stage() as stage:
        stage.replace(nn.Module, "__call__", make)
        step.play(copied, listen=False)
    return [(kind, back.get(id(one), one), grad) for kind, one, grad in found]


def _fresh(one: Tensor) -> bool:
    """Is it as PyTorch's layers start: evenly spread between hard bounds? (Trained weights have tails.)"""
    if one.ndim < 2 or one.numel() < 64:
        return False
    plain = one.detach().double()
    plain = (plain - plain.mean()) / plain.std().clamp_min(1e-30)
    return 1.5 < float((plain**4).mean()) < 2.1 and float(plain.abs().max()) < 1.9


def _all(body: Body) -> list[Tensor]:
    """All parameters, those in plain lists of modules too, in a stable order."""
    found: list[Tensor] = []
    seen: set[int] = set()

    def walk(thing: Any) -> None:
        if id(thing) in seen:
            return
        seen.add(id(thing))
        if isinstance(thing, nn.Parameter):
            found.append(thing)
        elif isinstance(thing, nn.Module):
            for value in vars(thing).values():
                walk(value)
        elif isinstance(thing, dict):
            for value in list(thing.values()):
                walk(value)
        elif isinstance(thing, list | tuple):
            for value in thing:
                walk(value)

    walk(body.modules)
    walk(body.loose)
    for optimizer in body.optimizers:
        for group in optimizer.param_groups:
            walk(group["params"])
    return found
