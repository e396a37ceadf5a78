"""The update rules: PyTorch's own, with the recipe's fields, in the fastest form the device has.

Weight decay pulls on matrices and filters only; biases, scales and slopes (one-dimensional
parameters) are left alone, as their size says nothing about how complex the function is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from ..record import Recipe

_FUSED = {"sgd", "momentum", "nesterov", "adagrad", "adam", "adamw"}


def optimizer(recipe: Recipe, model: nn.Module) -> Optimizer:
    """The optimizer of a recipe over the trainable parameters of a model."""
    kind = recipe.optimizer
    fast: dict[str, Any] = {"fused": True} if kind in _FUSED and _can_fuse(model) else {"foreach": True}
    parameters = groups(recipe, model)
    if kind in ("sgd", "momentum", "nesterov"):
        momentum = 0.0 if kind == "sgd" else recipe.momentum
        nesterov = kind == "nesterov" and momentum > 0
        return torch.optim.SGD(parameters, lr=recipe.lr, momentum=momentum, nesterov=nesterov, **fast)
    if kind == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=recipe.lr, momentum=recipe.momentum, **fast)
    if kind == "adagrad":
        return torch.optim.Adagrad(parameters, lr=recipe.lr, **fast)
    adam = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
    return adam(parameters, lr=recipe.lr, betas=(recipe.momentum, 0.999), **fast)


def groups(recipe: Recipe, model: nn.Module) -> list[dict[str, Any]]:
    """Parameter groups: what decays, and what doesn't; one group where nothing decays."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not recipe.weight_decay:
        return [{"params": parameters, "weight_decay": 0.0}]
    decaying = [parameter for parameter in parameters if parameter.ndim >= 2]
    others = [parameter for parameter in parameters if parameter.ndim < 2]
    found = [
        {"params": decaying, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return [group for group in found if group["params"]]


def penalty(optimizer: Optimizer) -> float:
    """The L2 term that the optimizer's weight decay stands for: sum of ½ · decay · ‖w‖²."""
    total = 0.0
    for group in optimizer.param_groups:
        if group["weight_decay"]:
            norms = torch.stack([parameter.detach().square().sum() for parameter in group["params"]])
            total += 0.5 * group["weight_decay"] * float(norms.sum())
    return total


def _can_fuse(model: nn.Module) -> bool:
    kinds = {parameter.device.type for parameter in model.parameters()}
    plain = all(parameter.dtype in (torch.float32, torch.float64) for parameter in model.parameters())
    return plain and kinds <= {"cpu", "cuda"} and len(kinds) == 1
