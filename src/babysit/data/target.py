"""What is to be predicted: classes or numbers, decided by one rule for all sources.

Text and truth values are classes. Whole numbers are classes when there are at most 20 different
ones, or when the inputs are images; all other numbers are a regression's targets. The recipe's
`loss` overrides this in the open: `loss=mse` asks for a regression, `loss=cross_entropy` (or
`hinge`) for classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, RecipeError
from ..record import Recipe
from .split import Task

FEW = 20
"""Most different whole numbers that are taken for classes (of tables)."""


@dataclass(frozen=True)
class Target:
    """y: (N,) int64 class ids with their `classes`, or float32 targets with classes ()."""

    y: np.ndarray
    task: Task
    classes: tuple[str, ...] = ()

    @classmethod
    def of_ids(cls, y: Any, classes: tuple[str, ...]) -> Target:
        """Class ids that the format itself defines, with the names of all classes."""
        return cls(np.asarray(y, np.int64), "classification", classes).checked()

    def checked(self) -> Target:
        """The target itself, if it can be learned from. Raises DataError when it can't."""
        if self.task == "regression":
            bad = np.flatnonzero(~np.isfinite(self.y))
            if len(bad):
                raise DataError(f"targets must be finite, but row {bad[0] + 1} has {self.y[bad[0]]}")
            if len(self.y) and np.ptp(self.y) == 0:
                raise DataError(f"targets must differ, but all {len(self.y)} are {self.y[0]:g}")
            return self
        present = np.unique(self.y)
        if len(present) == 1:
            raise DataError(
                f"there must be two classes at least, but all {len(self.y)} examples are {self.classes[present[0]]!r}"
            )
        if len(self.y) < len(self.classes):
            raise DataError(
                f"there must be an example of each class, but there are {len(self.y)} for {len(self.classes)} classes"
            )
        return self


def read_target(values: np.ndarray, recipe: Recipe, *, images: bool = False, name: str = "the target") -> Target:
    """Class ids or numbers from what a source holds.

    Args:
        values: (N,) numbers, truth values or text; (N, 1); or one-hot (N, K).
        images: are the inputs images? Then whole numbers are classes, however many.

    Raises:
        DataError: only one class, not finite, fewer rows than classes, a shape that can't be.

    Examples:
        >>> read_target(np.array(["b", "a", "b", "a"]), Recipe(data="x")).y
        array([1, 0, 1, 0])
        >>> read_target(np.array([0.5, 1.5, 2.5]), Recipe(data="x")).task
        'regression'
    """
    values = _one_column(np.asarray(values), name)
    if not len(values):
        raise DataError(f"{name} must have values, but there are none")
    if values.dtype.kind in "OUS":
        return _of_text(values, recipe, name)
    if values.dtype.kind not in "biuf":
        raise DataError(f"{name} must hold numbers, truth values or text, but its type is {values.dtype}")
    numbers = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise DataError(f"{name} must be finite, but row {bad[0] + 1} has {numbers[bad[0]]}")
    ids, y = np.unique(numbers, return_inverse=True)
    if _are_classes(values.dtype.kind, ids, recipe, images):
        names = tuple(str(bool(one)) if values.dtype.kind == "b" else _plain(one) for one in ids)
        _enough(len(y), len(ids), name)
        return Target(y.astype(np.int64), "classification", names).checked()
    if np.abs(numbers).max() > np.finfo(np.float32).max:
        raise DataError(f"{name} must fit float32, but it goes up to {np.abs(numbers).max():g}; scale it")
    return Target(numbers.astype(np.float32), "regression").checked()


def _are_classes(kind: str, ids: np.ndarray, recipe: Recipe, images: bool) -> bool:
    if recipe.loss == "mse":
        return False
    if recipe.loss != "auto" or kind == "b":
        return True
    return bool((ids == np.round(ids)).all()) and (images or len(ids) <= FEW)


def _of_text(values: np.ndarray, recipe: Recipe, name: str) -> Target:
    if recipe.loss == "mse":
        raise RecipeError(f"loss=mse needs numbers to predict, but {name} holds text such as {str(values[0])!r}")
    texts = np.array([one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in values])
    classes, y = np.unique(texts, return_inverse=True)
    _enough(len(y), len(classes), name)
    return Target(y.astype(np.int64), "classification", tuple(str(one) for one in classes)).checked()


def _enough(rows: int, classes: int, name: str) -> None:
    if classes > 1 and rows < 2 * classes:
        many = f"{classes} different values in {rows} rows"
        raise DataError(f"{name} must have two rows per class at least, but it has {many}; is it the right target?")


def _one_column(values: np.ndarray, name: str) -> np.ndarray:
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.ndim == 2 and _is_one_hot(values):
        return values.argmax(axis=1)
    if values.ndim != 1:
        raise DataError(f"{name} must be one value per example or one-hot, but its shape is {values.shape}")
    return values


def _is_one_hot(values: np.ndarray) -> bool:
    numbers = values.dtype.kind in "biuf" and values.size > 0
    return numbers and bool(((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all())


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(float(number))
