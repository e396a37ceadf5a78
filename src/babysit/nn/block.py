"""The order of one layer, the same in every network: linear or conv, norm, activation, dropout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from ..errors import RecipeError
from .activations import activation, named, widening
from .norm import norm, shifts


@dataclass(frozen=True)
class Style:
    """What the layers of a network share."""

    activation: str = "relu"
    pieces: int = 2
    norm: str = "none"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        named(self.activation)
        if not 0 <= self.dropout < 1:
            raise RecipeError(f"0 <= dropout < 1 must hold, but dropout={self.dropout:g}")

    @property
    def widening(self) -> int:
        """Channels that the linear or conv makes for each unit after the activation."""
        return widening(self.activation, self.pieces)

    @property
    def bias(self) -> bool:
        """Off where the norm would take it away again."""
        return not shifts(self.norm)

    def linear(self, suffix: object, inputs: int, units: int) -> Iterator[tuple[str, nn.Module]]:
        """Named modules from (N, inputs) to (N, units)."""
        channels = units * self.widening
        yield f"linear{suffix}", nn.Linear(inputs, channels, bias=self.bias)
        yield from self.after(suffix, channels, dims=1)

    def conv(self, suffix: object, inputs: int, units: int, stride: int = 1) -> Iterator[tuple[str, nn.Module]]:
        """Named modules from (N, inputs, H, W) to (N, units, H / stride, W / stride), 3 x 3."""
        channels = units * self.widening
        yield f"conv{suffix}", nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=self.bias)
        yield from self.after(suffix, channels, dims=2)

    def after(self, suffix: object, channels: int, dims: int) -> Iterator[tuple[str, nn.Module]]:
        """What follows the weights: norm, activation, dropout, each only where it is asked for."""
        normed = norm(self.norm, channels, dims)
        if normed is not None:
            yield f"norm{suffix}", normed
        yield f"{self.activation}{suffix}", activation(self.activation, pieces=self.pieces)
        if self.dropout:
            yield f"dropout{suffix}", nn.Dropout(self.dropout)


def outputs(classes: int | None) -> int:
    """Units of the output layer: one per class, or one number for a regression (None or 1)."""
    if classes is not None and classes < 1:
        raise RecipeError(f"classes >= 1 must hold, but classes={classes}")
    return classes or 1


def positive(**sizes: int) -> None:
    """Refuse a width, depth or size below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise RecipeError(f"{name} >= 1 must hold, but {name}={size}")


def image_shape(shape: tuple[int, ...], model: str) -> tuple[int, int, int]:
    """(C, H, W) of images, or a RecipeError that says what the model needs."""
    if len(shape) != 3:
        raise RecipeError(f"model={model!r} needs images (C, H, W), but an example has the shape {tuple(shape)}")
    if min(shape[1:]) < 4:
        raise RecipeError(f"model={model!r} needs images of 4 x 4 and more, but got {shape[1]} x {shape[2]}")
    return shape[0], shape[1], shape[2]
