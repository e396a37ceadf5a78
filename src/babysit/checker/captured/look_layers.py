"""Signal and gradient through depth before training, and whether units are copies of one another."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from ...nn.kinds import facts_of
from ...record import Run
from .asking import Asking

AFTER = 3
"""Steps after which units must have parted, and after which a layer that starts at zero has let gradients through."""


def look(asking: Asking) -> Run:
    """`activation.std` (of the differences between examples) of each matrix layer in call order at step 0;
    `gradient.rms` and, of four units or more, `weight.clones` of each matrix at step 0 and, with an optimizer, after 3
    steps; the fact `matrices`, the names of all.
    """
    step, run = asking.playable(), Run()
    body = asking.fresh()
    for model in body.modules:
        for one in model.modules():
            if isinstance(one, _DropoutNd):
                one.p = 0.0  # its noise would look like differences between examples
    modules = {id(one): (name, one) for number, model in enumerate(body.modules) for name, one in model.named_modules()}
    found: list[dict[str, Any]] = []
    handles = []
    for name, one in modules.values():
        facts = facts_of(one)
        if facts["role"] in ("linear", "conv", "norm", "activation", "recurrent", "attention"):
            handles.append(one.register_forward_hook(_hook(name, facts, found)))
    played = step.play(body, listen=False)
    for handle in handles:
        handle.remove()
    for entry in found:
        if entry["role"] in ("linear", "conv") and math.isfinite(entry["std"]):
            run.append(0, {("activation.std", entry["name"]): entry["std"]})
    run.set_fact("modules", [{key: value for key, value in entry.items() if key != "std"} for entry in found])
    _gradients(run, 0, played.loss, body.parameters())
    _clones(run, 0, body.parameters())
    run.set_fact("matrices", [name for name, one in body.parameters().items() if one.ndim >= 2])
    if len(body.optimizers) == 1 and not asking.subject.closures:
        _steps(asking, run)
    return run


def _hook(name: str, facts: dict[str, Any], found: list[dict[str, Any]]) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, tuple):
            output = output[0]
        numbers = isinstance(output, Tensor) and output.is_floating_point() and output.ndim >= 2 and len(output) > 1
        if numbers and not any(entry["name"] == name for entry in found):
            std = float(output.detach().double().var(0).mean().sqrt())
            found.append({"name": name, "kind": facts["kind"], "role": facts["role"], "std": std, "calls": 1})

    return hook


def _gradients(run: Run, at: int, loss: Tensor, parameters: dict[str, Tensor]) -> None:
    matrices = {name: one for name, one in parameters.items() if one.ndim >= 2}
    grads = torch.autograd.grad(loss, list(matrices.values()), allow_unused=True)
    for (name, _), grad in zip(matrices.items(), grads, strict=True):
        if grad is not None and not grad.is_sparse:
            run.append(at, {("gradient.rms", name): float(grad.double().square().mean().sqrt())})


def _clones(run: Run, at: int, parameters: dict[str, Tensor]) -> None:
    for name, one in parameters.items():
        if one.ndim >= 2 and one.shape[0] >= 4:
            rows = one.detach().flatten(1)[:512].double()
            gaps = torch.pdist(rows[:256])
            size = float(rows.norm(dim=1).mean())
            run.append(at, {("weight.clones", name): float((gaps <= 1e-6 * max(size, 1e-30)).double().mean())})


def _steps(asking: Asking, run: Run) -> None:
    body = asking.fresh()
    steps = asking.subject.recorded
    optimizer = body.optimizers[0]
    rate = asking.recipe.lr
    for group in optimizer.param_groups:
        group["lr"] = rate
    for number in range(AFTER):
        played = steps[number % len(steps)].play(body, listen=False)
        if not math.isfinite(float(played.loss.detach())):
            return
        body.zero_grad()
        played.loss.backward()
        optimizer.step()
    _clones(run, AFTER, body.parameters())
    _gradients(run, AFTER, asking.playable().play(body, listen=False).loss, body.parameters())
