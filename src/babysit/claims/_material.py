"""What claims are measured on: one source's examples as tensors, and a generated set of CIFAR's shape."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import Part, Split, load
from ..data.columns import SUFFIXES, Table
from ..errors import DataError
from ..nn import preprocess as layers
from ..record import Recipe
from ._shapes import shapes

FEW, WIDE = 100, 256
MOST = 4000
"""Training examples at most: a claim is to take seconds."""


@dataclass(frozen=True)
class Examples:
    """Three parts as tensors: x (N, …) float32 and y (N,) class ids; K classes."""

    x: Tensor
    y: Tensor
    val_x: Tensor
    val_y: Tensor
    test_x: Tensor
    test_y: Tensor
    classes: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return tuple(self.x.shape[1:])

    def first(self, count: int) -> Examples:
        """With `count` training examples."""
        return self.edit(x=self.x[:count], y=self.y[:count])

    def flat(self) -> Examples:
        """Each example as one row (D,)."""
        return self.edit(**{name: getattr(self, name).flatten(1) for name in ("x", "val_x", "test_x")})

    def map(self, function: Any) -> Examples:
        """Every part's inputs through a function."""
        return self.edit(**{name: function(getattr(self, name)) for name in ("x", "val_x", "test_x")})

    def edit(self, **changes: Any) -> Examples:
        """A changed copy."""
        return Examples(**{**vars(self), **changes})


class Material:
    """A source's examples, and images of CIFAR's shape for the claims about ConvNets.

    Args:
        place: what a recipe's `data` may be; a classification.
        target: a table's column to predict; its last one by default.
        data: instead of it, what `babysit.data.load` takes.

    Raises:
        DataError: a regression, or what can't be read.
    """

    def __init__(self, place: str = "digits", *, data: Any = None, most: int = MOST, target: str | None = None) -> None:
        target = _last_column(place) if target is None and data is None else target
        self.place, self.most, self.target = place, most, target
        edit = {} if target is None else {"target": target}
        self.split: Split = load(Recipe(data=place).edit(edit), data=data)
        if self.split.task != "classification":
            asked = f" of {target!r}" if target is not None else ""
            raise DataError(f"claims are about classes, but {place} is a regression{asked}: give data with classes")
        fewest = max(1, min(len(self.split.val), len(self.split.test)))
        self.resolution = 1 / min(fewest, most // 2)
        few = f"; accuracies in steps of {100 * self.resolution:.2g} %" if fewest < FEW else ""
        self.source = self.split.source + few
        self._made: dict[Any, Examples] = {}

    @classmethod
    @functools.cache
    def digits(cls) -> Material:
        """The bundled digits."""
        return cls("digits")

    def raw(self) -> Examples:
        """Float inputs as they were read."""
        return self._get("raw", lambda: _examples(self.split, self.most))

    def rows(self, how: str = "each") -> Examples:
        """Rows (N, D), preprocessed by the package's own layers, statistics from train alone.

        Args:
            how: "each" (every feature to mean 0 and std 1), "none", "center", "standardize", "whiten", "zca", "unit"
                (no mean taken away, but divided by one number, the whole set's rms: only the mean is amiss).
        """
        return self._get(("rows", how), lambda: prepared(self.raw().flat(), how))

    def images(self, how: str = "channel-mean") -> Examples:
        """Images (N, 3, 32, 32): the source's own if they are that large, else generated ones."""
        return self._get(("images", how), lambda: prepared(self.pixels(), how))

    def pixels(self) -> Examples:
        """The same images as they are, 0..255."""
        own = len(self.split.shape) == 3 and min(self.split.shape[1:]) >= 16
        return self._get("pixels", self.raw if own else generated)

    def often(self, times: int) -> int:
        """So many networks a seed, or fewer where rows are wider than 256 and each takes that much longer; one at least."""
        return max(1, round(times * min(1.0, WIDE / math.prod(self.split.shape))))

    def _get(self, key: Any, make: Any) -> Examples:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def _last_column(place: str) -> str | None:
    """The target of a table of which none was named."""
    path = Path(place).expanduser()
    return Table(path).names[-1] if path.is_file() and path.name.lower().endswith(tuple(SUFFIXES)) else None


def prepared(examples: Examples, how: str) -> Examples:
    """Preprocessed with statistics from the training part."""
    if how == "none":
        return examples
    if how == "unit":
        rms = examples.x.square().mean().sqrt()
        return examples.map(lambda x: x / rms)
    if how == "each":  # a recipe scales images by channel; claims want each feature to count alike
        layer: Any = layers.Standardize().fit(examples.x.flatten(1))
        return examples.map(lambda x: layer(x.flatten(1)).clamp(-8, 8).view(x.shape))
    layer = preprocess_layer(how).fit(examples.x)
    scale = layer(examples.x).square().mean().sqrt() if how in ("mean-image", "channel-mean") else 1.0
    return examples.map(lambda x: layer(x) / scale)


def redrawn(rows: Examples, seeds: Sequence[int], count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training and validation examples mixed and cut anew for each seed.

    So what is said of a gap, or of few examples, isn't said of one lucky cut.

    Args:
        count: training examples of each; at most all but a tenth.

    Returns:
        x (S, count, …), y (S, count), and of the rest, as many as validation had at least, x (S, rest, …), y (S, rest).
    """
    x, y = torch.cat([rows.x, rows.val_x]), torch.cat([rows.y, rows.val_y])
    count = min(count, len(y) - max(1, len(y) // 10))
    rest = min(len(y) - count, max(len(rows.val_y), 1))
    cuts = [torch.from_numpy(np.random.default_rng([seed, 0xC07]).permutation(len(y))) for seed in seeds]
    mine, others = torch.stack([cut[:count] for cut in cuts]), torch.stack([cut[count : count + rest] for cut in cuts])
    return x[mine], y[mine], x[others], y[others]


def preprocess_layer(how: str) -> Any:
    """The package's own layer of that name, not yet fitted."""
    return {
        "center": layers.Center, "mean-image": layers.MeanImage, "channel-mean": layers.ChannelMean,
        "standardize": layers.Standardize, "whiten": layers.Whiten, "zca": layers.ZCA,
    }[how]()  # fmt: skip


def _examples(split: Split, most: int) -> Examples:
    found: dict[str, Tensor] = {}
    for name, limit in (("train", most), ("val", most // 2), ("test", most // 2)):
        part: Part = getattr(split, name)
        if not len(part):
            raise DataError(f"claims need train, val and test examples, but {name} has none")
        x, y = part.gather(torch.arange(min(len(part), limit)))
        prefix = "" if name == "train" else f"{name}_"
        found |= {f"{prefix}x": x.float(), f"{prefix}y": y.long()}
    return Examples(**found, classes=len(split.classes))


def generated(train: int = 2000, rest: int = 500, seed: int = 0) -> Examples:
    """Images of CIFAR's shape with ten classes of structure: five shapes in two textures (see `_shapes`)."""
    x, y = shapes(train + 2 * rest, seed)
    images, labels = torch.from_numpy(np.ascontiguousarray(x)).float(), torch.from_numpy(y)
    parts = [slice(0, train), slice(train, train + rest), slice(train + rest, None)]
    (a, b, c) = [(images[part], labels[part]) for part in parts]
    return Examples(*a, *b, *c, classes=10)
