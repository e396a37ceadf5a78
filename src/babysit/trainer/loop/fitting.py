"""fit: train in memory, to the end or to a rung."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ...data import Split
from ...record import Recipe
from ..prepared import Prepared
from .epoch import Record
from .training import Training


def fit(
    recipe: Recipe,
    split: Split,
    *,
    until: int | None = None,
    training: Training | None = None,
    on_epoch: Callable[[Training], bool | None] | None = None,
    record: Record | None = None,
    prepared: Prepared | None = None,
    device: torch.device | None = None,
) -> Training:
    """Train in memory and write nothing: what search, checks and claims are made of.

    Args:
        until: the epoch to stop after (a rung); the schedule still spans `recipe.epochs`.
        training: go on with this one (a longer rung); `recipe` and `split` are then its own.
        on_epoch: called after each epoch; True breaks the training off.
        record: a `Run` to take readings into.
        prepared: shared by trainings with equal preprocessing.

    Examples:
        >>> from babysit.data import load
        >>> recipe = Recipe(data="iris", epochs=20, lr=0.01, batch=16)
        >>> training = fit(recipe, load(recipe), until=5)
        >>> len(training.history), training.ended
        (5, None)
        >>> fit(recipe, load(recipe), training=training).ended
        'epochs'
    """
    if training is None:
        training = Training(recipe, split, device=device, prepared=prepared, record=record)
    until = training.recipe.epochs if until is None else until
    while training.ended is None and not training.stop and len(training.history) < until:
        if training.epoch() is not None and on_epoch is not None and on_epoch(training):
            break
    return training
