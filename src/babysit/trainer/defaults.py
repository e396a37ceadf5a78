"""Fields that nobody chose, fitted to the data at hand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from ..data import Split
from ..nn import model_name
from ..record import Recipe
from .folds import is_small

STEPS = 1500
"""Optimizer steps of a training, at least: small sets get more epochs."""
IMAGE_STEPS = 500
"""The same for images, whose steps are longer and learn more."""
MOST = 200
"""Epochs that are chosen, at most."""
SMALLEST = 8
"""The least side of an image that a convnet is taken for."""


def chosen(recipe: Recipe) -> set[str]:
    """The fields that differ from their defaults."""
    return {spec.name for spec in fields(Recipe) if getattr(recipe, spec.name) != spec.default}


def settle(recipe: Recipe, split: Split, given: Collection[str]) -> Recipe:
    """The recipe with what wasn't `given` fitted to the number and kind of the examples.

    * batch: an eighth of the training examples or fewer, between 8 and 64, so that small sets see many steps;
    * images of 8 x 8 and more: a convnet of 32 channels (16 below 16 x 16) with batch norm, lr 3e-3 and some dropout;
    * everything else: dropout 0.3, as tables are soon learned by heart; and below 1,000 examples lr 0.005 and
      weight_decay 0.03, so that the network is fitted in full yet stays smooth;
    * epochs: so many that there are about 1,500 steps, at least 30 (20 for images), at most 200.
    """
    count = len(split.train)
    edit: dict[str, Any] = {"batch": max(8, min(64, 1 << max(0, (count // 8).bit_length() - 1)))}
    image = len(split.shape) == 3 and min(split.shape[1:]) >= SMALLEST
    if image:
        edit["model"] = "convnet"
    if model_name(recipe.edit({**edit, **_kept(recipe, given)}), split.shape) in ("convnet", "resnet"):
        small = image and min(split.shape[1:]) < 16
        edit |= {"width": 16 if small else 32, "norm": "batch", "dropout": 0.2, "lr": 3e-3}
    elif recipe.model in ("auto", "mlp"):
        edit["dropout"] = 0.3
        if is_small(split):
            edit |= {"lr": 5e-3, "weight_decay": 3e-2}
    steps = max(1, count // int(recipe.batch if "batch" in given else edit["batch"]))
    edit["epochs"] = max(20 if image else 30, min(MOST, -(-(IMAGE_STEPS if image else STEPS) // steps)))
    return recipe.edit({name: value for name, value in edit.items() if name not in given})


def _kept(recipe: Recipe, given: Collection[str]) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in given}
