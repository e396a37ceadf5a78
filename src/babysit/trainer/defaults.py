"""Fields that nobody chose, fitted to the data at hand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields

from ..data import Split
from ..nn import model_name
from ..record import Recipe

STEPS = 1500
"""Optimizer steps of a training, at least: small sets get more epochs."""
EPOCHS = (30, 200)
"""The fewest and most epochs that are chosen."""


def chosen(recipe: Recipe) -> set[str]:
    """The fields that differ from their defaults."""
    return {spec.name for spec in fields(Recipe) if getattr(recipe, spec.name) != spec.default}


def settle(recipe: Recipe, split: Split, given: Collection[str]) -> Recipe:
    """The recipe with what wasn't `given` fitted to the number and kind of the examples.

    * batch: an eighth of the training examples or fewer, between 8 and 64, so that small sets see many steps;
    * epochs: so many that there are about 1,500 steps;
    * convnet and resnet: 32 channels and batch norm.
    """
    count = len(split.train)
    edit: dict[str, object] = {}
    if "batch" not in given:
        edit["batch"] = max(8, min(64, 1 << max(0, (count // 8).bit_length() - 1)))
    if "epochs" not in given:
        steps = max(1, count // int(edit.get("batch", recipe.batch)))  # type: ignore[call-overload]
        edit["epochs"] = max(EPOCHS[0], min(EPOCHS[1], -(-STEPS // steps)))
    if model_name(recipe, split.shape) in ("convnet", "resnet"):
        edit |= {name: value for name, value in (("width", 32), ("norm", "batch")) if name not in given}
    return recipe.edit(edit)
