"""What a trial trains: data, network, criterion and recipe, from the trial's edit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ..data import Part, Split
from ..errors import DataError, RecipeError
from ..nn import init
from ..nn.block import outputs
from ..nn.foreign import Hyper, call, factory, try_out
from ..record import Recipe
from ..trainer import folds as trainer_folds
from ..trainer.criterion import name_of
from ..trainer.prepared import Prepared, device_of, prepare
from .design import Design, design
from .fold import Fold
from .job import Job, Outcome

FIELDS = tuple(spec.name for spec in fields(Recipe))
LEARNING = ("lr", "momentum", "weight_decay", "schedule", "warmup", "clip_norm", "label_smoothing", "dropout")
"""Fields that are a number of one lane: trials that differ in these alone train together."""
NETWORK = ("model", "width", "depth", "activation", "pieces", "norm", "dropout")


class Work:
    """Trains a job; a fleet takes many at once from the same object.

    Args:
        recipe: the base that a trial's params edit.
        split: train and val are used (joined and cut anew for several folds); test is not touched.
        model: `factory(hp) -> nn.Module`, or None for the recipe's network, which may be named (`module:factory`).
        folds: 1 uses the split's own validation part.

    Raises:
        RecipeError: folds or a device that can't be.
        DataError: too few examples for so many folds, no validation examples, or folds of data larger than memory.
    """

    def __init__(
        self, recipe: Recipe, split: Split, *, model: Callable[[Hyper], nn.Module] | None = None, folds: int = 1,
        device: torch.device | None = None,
    ) -> None:  # fmt: skip
        self.recipe, self.model, self.folds, self.task = recipe, model, folds, split.task
        self.own = model is not None or ":" in recipe.model
        self.classes = len(split.classes)
        self.device = device or device_of(recipe.device)
        self.loss = name_of(recipe, split.task)
        self._split = split
        self._cuts = cuts(split, folds, recipe.seed)
        self._prepared: dict[tuple[Any, ...], Prepared] = {}
        self._folds: dict[tuple[Any, ...], Fold] = {}
        self._built: dict[tuple[Any, ...], nn.Module] = {}
        self._recipes: dict[tuple[Any, ...], Recipe] = {}
        self._designs: dict[tuple[int, Recipe], Design] = {}
        self._tried: set[Any] = set()
        self.ignored: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """For other processes: without what they can make themselves."""
        made = ("_prepared", "_folds", "_built", "_recipes", "_designs")
        return {**vars(self), **{name: {} for name in made}, "_tried": set()}

    # what a trial is

    def recipe_of(self, job: Job) -> Recipe:
        """The base edited by what of a trial's params are fields of a recipe."""
        key = (tuple(job.params.items()), job.epochs, job.seed)
        found = self._recipes.get(key)
        if found is None:
            known = {name: value for name, value in job.params.items() if name in FIELDS}
            found = self.recipe.edit({**known, "epochs": job.epochs})
            found = found.edit(seed=found.seed + job.seed) if job.seed else found
            if len(self._recipes) > 4096:
                self._recipes.clear()
            self._recipes[key] = found
        return found

    def fold(self, recipe: Recipe, number: int) -> Fold:
        """The examples of a fold, preprocessed as the recipe says (statistics from its training part alone)."""
        key = (number, recipe.preprocess, recipe.components, recipe.augment)
        if key not in self._folds:
            ready = self.prepared(recipe, number)
            self._folds[key] = Fold(ready.train, ready.val, recipe.augment)
        return self._folds[key]

    def prepared(self, recipe: Recipe, number: int) -> Prepared:
        """What the trainer makes ready of a fold."""
        key = (number, recipe.preprocess, recipe.components, recipe.augment)
        if key not in self._prepared:
            self._prepared[key] = prepare(recipe, self._part(number), self.device)
        return self._prepared[key]

    def network(self, job: Job) -> nn.Module:
        """The trial's network with its initial weights, which depend on its recipe and seed alone; shared, don't train it."""
        recipe = self.recipe_of(job)
        if self.own:
            return self._own(job, recipe)
        names = (*NETWORK, "init", "preprocess", "components")
        key = (*(getattr(recipe, name) for name in names if name != "dropout"), recipe.dropout > 0, recipe.seed)
        if key not in self._built:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(initial(recipe.seed))
                self._built[key] = self.prepared(recipe, 0).network(recipe).network
        return self._built[key]

    def design(self, job: Job) -> Design:
        """The trial's network as a fleet sees it."""
        recipe = self.recipe_of(job)
        module = self.network(job)
        known = self._designs.get((id(module), recipe))
        if known is None:
            known = design(module, recipe, self.own)
            if known.key not in self._tried:
                self._try(job, module, recipe)
                self._tried.add(known.key)
            if len(self._designs) > 4096:
                self._designs.clear()
            self._designs[id(module), recipe] = known
        return known

    def _own(self, job: Job, recipe: Recipe) -> nn.Module:
        key = (tuple(sorted((name, repr(value)) for name, value in job.params.items())), recipe.seed)
        if key not in self._built:
            if len(self._built) > 4096:
                self._built.clear()
            x = self.fold(recipe, 0).first(SAMPLE)
            hyper = Hyper(job.params, recipe, x.shape[1:], self.classes or None)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(initial(recipe.seed))
                module = call(self._called, self.model or factory(recipe.model), hyper)
                if self.model is None or recipe.init != "auto":
                    init(module, recipe.init, None, x.cpu())
            unread = {name for name in job.params if name not in LEARNING and name not in _LOOP} | (
                {"dropout"} & set(job.params)
            )
            self.ignored |= unread - hyper.read
            if type(module) is nn.Linear:
                module = nn.Sequential(module)  # a chain of one, so that its parameters have a layer's name
            self._built[key] = module.to(self.device)
        return self._built[key]

    @property
    def _called(self) -> str:
        """The user's model, in messages."""
        return self.recipe.model if self.model is None else "the model"

    def _try(self, job: Job, module: nn.Module, recipe: Recipe) -> None:
        """A RecipeError where the user's network doesn't take the examples or gives other outputs than there are."""
        if not self.own:
            return
        told = ", ".join(f"{name}={value}" for name, value in job.params.items())
        shape = tuple(self.fold(recipe, job.fold).first(1).shape[1:])
        try_out(f"{self._called} ({told})", module, shape, outputs(self.classes or None))

    def _part(self, number: int) -> Split:
        if self._cuts is None:
            return self._split
        train, val = self._cuts[number]
        whole = joined(self._split)
        cut = {name: Part(*whole.gather(torch.from_numpy(rows))) for name, rows in (("train", train), ("val", val))}
        return replace(self._split, **cut)

    # one by one

    def __call__(self, job: Job) -> Outcome:
        """Train one job by itself."""
        from .solo import train

        return train(self, job)


SAMPLE = 256
"""Examples that init=lsuv looks at."""
_LOOP = ("optimizer", "batch", "epochs", "seed", "loss", "init", "preprocess", "components", "augment", "patience")


def initial(seed: int) -> int:
    """The seed of the initial weights."""
    return (seed * 1_000_003 + 2) % (1 << 63)


def joined(split: Split) -> Part:
    """Train and validation examples as one part."""
    parts = [split.train, split.val] if len(split.val) else [split.train]
    for part in parts:
        if not part.whole:
            raise DataError("folds need examples that fit into memory, but these are read batch by batch; use folds=1")
    return trainer_folds.joined(split).train


def cuts(split: Split, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """(training rows, validation rows) of each fold, stratified by class; None for one fold, which is the split's own.

    Raises:
        RecipeError: folds < 1.
        DataError: more folds than examples (or than the smallest class has), or no validation examples.
    """
    if folds < 1:
        raise RecipeError(f"folds >= 1 must hold, but folds={folds}")
    if folds == 1:
        if not len(split.val):
            raise DataError(
                "a search compares trials on validation examples, but there are none: give val > 0 or folds >= 2"
            )
        return None
    count = len(split.train) + len(split.val)
    if folds > count:
        raise DataError(f"folds <= examples must hold, but folds={folds} and there are {count} examples")
    y = torch.cat([split.train.y, split.val.y]).cpu().numpy()
    found = trainer_folds.cuts(y, split.task, folds, seed)
    if split.task == "classification":
        for train, _ in found:
            if len(np.unique(y[train])) < len(np.unique(y)):
                raise DataError(
                    f"every fold must have each class in its training part, but folds={folds} leaves one out"
                )
    return found


def worth(scores: list[float]) -> float:
    """The newest score, minus infinity where there is none or it isn't finite."""
    return scores[-1] if scores and math.isfinite(scores[-1]) else -math.inf
