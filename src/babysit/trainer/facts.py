"""What doesn't change in a training, as the record's facts: what is trained, by which rule, against what."""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn

from ..data import Split
from ..nn import facts_of
from . import criterion as losses
from .loop import Training

KINDS = {"cross_entropy": "CrossEntropyLoss", "hinge": "MultiMarginLoss", "mse": "MSELoss"}
"""The loss module of PyTorch that a recipe's loss stands for."""


def facts(training: Training, split: Split) -> dict[str, Any]:
    """Facts by their names, as docs/readings.md has them."""
    classes = training.task == "classification"
    return {
        "task": {"kind": "classes" if classes else "regression", "classes": len(split.classes), "names": list(split.classes)},
        "modules": modules(training),
        "parameters": parameters(training),
        "optimizers": optimizers(training),
        "criteria": criteria(training, split),
        "epochs": {"length": training.epoch_steps},
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
    }  # fmt: skip


def parameters(training: Training) -> list[dict[str, Any]]:
    """What is trained."""
    group = {id(one): f"0.{number}" for number, group in enumerate(training.optimizer.param_groups) for one in group["params"]}  # fmt: skip
    return [
        {
            "name": f"network.{name}",
            "shape": list(one.shape),
            "kind": "bias" if name.endswith("bias") else "weight" if one.ndim >= 2 else "norm",
            "module": f"network.{name.rpartition('.')[0]}",
            "requires_grad": one.requires_grad,
            "optimizer": group.get(id(one)),
            "tied_to": None,
            "registered": True,
            "start": _start(one),
        }
        for name, one in training.body.named_parameters()
    ]


def _start(one: Tensor) -> dict[str, Any]:
    with torch.no_grad():
        mean, std = float(one.double().mean()), float(one.double().std(correction=0))
    return {"mean": mean, "std": std, "constant": bool(one.numel() > 1 and std == 0)}


def optimizers(training: Training) -> list[dict[str, Any]]:
    """The update rule and its groups."""
    rule = training.optimizer
    groups = [
        {name: list(value) if isinstance(value, tuple) else value for name, value in group.items() if name in _TOLD}
        | {"parameters": len(group["params"])}
        for group in rule.param_groups
    ]
    return [{"index": 0, "kind": type(rule).__name__, "groups": groups, "foreign": 0, "source": None}]


_TOLD = ("lr", "weight_decay", "momentum", "betas", "eps", "nesterov")


def criteria(training: Training, split: Split) -> list[dict[str, Any]]:
    """What is made small."""
    recipe, regression = training.recipe, training.task == "regression"
    size = training.batch
    return [
        {
            "name": "",
            "kind": KINDS[losses.name_of(recipe, training.task)],
            "reduction": "mean",
            "weighted": False,
            "label_smoothing": recipe.label_smoothing,
            "ignore_index": None,
            "source": None,
            "output_shape": [size] if regression else [size, len(split.classes)],
            "target_shape": [size],
            "target_dtype": str(training.prepared.train.y.dtype).removeprefix("torch."),
        }
    ]


def modules(training: Training) -> list[dict[str, Any]]:
    """The leaf modules in the order of their first call, with what one example makes of them; nothing is changed."""
    names = {id(one): name for name, one in training.body.named_modules()}
    rows: dict[str, dict[str, Any]] = {}
    made_by: dict[int, str] = {}
    kept: list[Tensor] = []  # alive until the end, so that no id is used twice

    def seen(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        name = f"network.{names[id(module)]}"
        row = rows.setdefault(name, _row(name, module, inputs, output, made_by))
        row["calls"] += 1
        if isinstance(output, Tensor):
            made_by[id(output)] = name
            kept.append(output)

    leaves = [one for one in training.body.modules() if next(one.children(), None) is None]
    handles = [one.register_forward_hook(seen) for one in leaves]
    mode = training.body.training
    try:
        with torch.no_grad():
            training.body.eval()(training.prepared.train.first(torch.arange(1))[0])
    finally:
        training.body.train(mode)
        for handle in handles:
            handle.remove()
    return list(rows.values())


def _row(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any, made_by: dict[int, str]) -> dict[str, Any]:
    known = facts_of(module)
    return {
        **known,
        "name": name,
        "parameters": [f"{name}.{one}" for one, _ in module.named_parameters(recurse=False)],
        "shape_in": _shape(inputs[0] if inputs else None),
        "shape_out": _shape(output),
        "calls": 0,
        "model": "",
        "after": [made_by[id(one)] for one in inputs if id(one) in made_by],
        "leaf": True,
        "registered": True,
        "functional": False,
    }


def _shape(value: Any) -> list[int] | None:
    return list(value.shape) if isinstance(value, Tensor) else None
