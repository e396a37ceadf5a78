"""Training and evaluation mode, and the precision that is computed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from . import field
from .stage import Forward, Stage


def _mode(stage: Stage, wanted: bool, when: Callable[[Forward], bool]) -> None:
    """Run models in mode `wanted` where `when` says so, and put the program's own modes back."""
    held: list[tuple[nn.Module, bool]] = []

    def before(forward: Forward) -> None:
        held.clear()
        if when(forward) and any(module.training != wanted for module in forward.model.modules()):
            held.extend((module, module.training) for module in forward.model.modules())
            forward.model.train(wanted)
            stage.did()

    def after(model: nn.Module) -> None:
        for module, training in held:
            module.training = training
        held.clear()

    stage.before_forward(before)
    stage.after_forward(after)


@field("val_mode")
def val_mode(stage: Stage, value: Any) -> None:
    """Models run in eval mode wherever gradients are off ("eval")."""
    _mode(stage, False, lambda forward: not forward.training)


@field("train_mode")
def train_mode(stage: Stage, value: Any) -> None:
    """Models run in training mode wherever gradients are on ("train")."""
    _mode(stage, True, lambda forward: forward.training)


@field("precision")
def precision(stage: Stage, value: Any) -> None:
    """Autocast and loss scaling are off: everything is computed in float32."""
    name = stage._now

    def off(original: Callable[..., Any]) -> Callable[..., Any]:
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **{**kwargs, "enabled": False})
            with stage.of(name):
                stage.did()

        return init

    stage.replace(torch.autocast, "__init__", off)
    stage.replace(torch.amp.GradScaler, "__init__", off)
