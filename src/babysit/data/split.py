"""The split: train, val and test, cut before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch

from ..errors import DataError
from ..record import Recipe
from .part import Part

Task = Literal["classification", "regression"]
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Train, val and test examples with what is known about them.

    Attributes:
        train, val, test: the parts; val and test may be empty when the recipe's share is 0.
        task: "classification" (y are class ids) or "regression" (y are float32 targets).
        classes: the K class names in the order of their ids; () for regression.
        features: the D names of the input columns where they have names, else ().
        source: what was read, in one line.
        encoding: makes the same tensors of new examples: `.encode(place)`, `.to_dict()`.
        notes: plain facts found while reading, such as `missing` and `dropped`.
    """

    train: Part
    val: Part
    test: Part
    task: Task
    classes: tuple[str, ...]
    features: tuple[str, ...]
    source: str
    encoding: Any
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: (D,) or (C, H, W)."""
        return self.train.shape

    @property
    def parts(self) -> dict[str, Part]:
        """The parts by name, in the order train, val, test."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def to(self, device: torch.device | str) -> Split:
        """The same split with its parts there."""
        return replace(self, **{name: part.to(device) for name, part in self.parts.items()})

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(part)}" for name, part in self.parts.items())
        kind = f"{len(self.classes)} classes" if self.task == "classification" else "regression"
        return f"Split({sizes}; shape {self.shape}, {kind})"


def cut(
    y: np.ndarray, recipe: Recipe, classes: Sequence[str] = (), own: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Row numbers of train, val and test: shuffled by the recipe's seed, stratified by class.

    Every class keeps its share in each part, and at least one example in train.

    Args:
        y: (N,) class ids, or targets when there are no `classes`.
        own: the parts that the source brings itself. Those are kept; val (and test, when it has
            none) is carved out of its train.

    Raises:
        DataError: too few examples, or a class that train has none of.

    Examples:
        >>> parts = cut(np.array([0] * 80 + [1] * 20), Recipe(data="x", test=0.2, val=0.1), ["a", "b"])
        >>> {name: (len(rows), int((rows >= 80).sum())) for name, rows in parts.items()}
        {'train': (70, 14), 'val': (10, 2), 'test': (20, 4)}
    """
    parts = {name: np.asarray(rows, np.int64) for name, rows in (own or {"train": np.arange(len(y))}).items()}
    draw = np.random.default_rng([recipe.seed, 0x5EED])
    shares = {name: share for name, share in (("test", recipe.test), ("val", recipe.val)) if name not in parts}
    total = len(parts["train"])
    wanted = {name: _count(total, share) for name, share in shares.items()}
    if total - sum(wanted.values()) < 1 or total < 2:
        what = " and ".join(["train", *(name for name in wanted if wanted[name])])
        raise DataError(f"there must be examples for {what}, but there are only {total}")
    rest = parts["train"]
    for name, count in wanted.items():
        parts[name], rest = _take(rest, y[rest] if classes else None, count, draw)
    parts["train"] = draw.permutation(rest)
    _every_class_in_train(y, classes, parts)
    return {name: parts[name] for name in PARTS}


def _count(total: int, share: float) -> int:
    return max(1, round(total * share)) if share > 0 else 0


def _take(
    rows: np.ndarray, y: np.ndarray | None, count: int, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`count` of the rows by chance, in each class its share of them; and the rest."""
    order = draw.permutation(len(rows))
    if y is None:
        return rows[order[:count]], rows[order[count:]]
    _, inverse, sizes = np.unique(y, return_inverse=True, return_counts=True)
    quota = _quotas(sizes, count, draw)
    grouped = order[np.argsort(inverse[order], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.arange(len(rows)) - np.repeat(starts, sizes)
    taken = grouped[rank < np.repeat(quota, sizes)]
    left = np.ones(len(rows), bool)
    left[taken] = False
    return rows[draw.permutation(taken)], rows[left]


def _quotas(sizes: np.ndarray, count: int, draw: np.random.Generator) -> np.ndarray:
    """How many of each class make `count` in all: its share, rounded by largest remainder, one left behind."""
    exact = sizes * count / sizes.sum()
    quota = np.minimum(np.floor(exact).astype(np.int64), sizes - 1)
    by_remainder = np.lexsort((draw.random(len(sizes)), -(exact - quota)))
    while (missing := count - int(quota.sum())) > 0:
        open_ = by_remainder[quota[by_remainder] < sizes[by_remainder] - 1][:missing]
        if not len(open_):  # only single examples are left: those stay in train
            break
        quota[open_] += 1
    return quota


def _every_class_in_train(y: np.ndarray, classes: Sequence[str], parts: Mapping[str, np.ndarray]) -> None:
    if not classes:
        return
    if len(parts["train"]) < len(classes):
        got = f"{len(parts['train'])} for {len(classes)} classes"
        raise DataError(f"train must have an example of each class at least, but there are {got}")
    seen = np.bincount(y[parts["train"]], minlength=len(classes)) > 0
    for name in ("val", "test"):
        unseen = np.flatnonzero((np.bincount(y[parts[name]], minlength=len(classes)) > 0) & ~seen)
        if len(unseen):
            raise DataError(f"every class of {name} must be in train, but {classes[unseen[0]]!r} is not")
