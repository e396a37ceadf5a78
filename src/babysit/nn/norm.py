"""Normalization after linear/conv and before the nonlinearity, by its name in a recipe.

CS231n, Training Neural Networks I, batch normalization (Ioffe & Szegedy 2015); layer (Ba et al.
2016), instance (Ulyanov et al. 2016) and group normalization (Wu & He 2018).
"""

from __future__ import annotations

from torch import nn

from ..errors import RecipeError, did_you_mean
from ..record.recipe import NORMS

GROUPS = 32  # Wu & He 2018


def norm(name: str, channels: int, dims: int = 1) -> nn.Module | None:
    """A new normalization of `channels`, or None for "none".

    Args:
        dims: 1 for (N, C), 2 for (N, C, H, W). A layer norm of images goes over C, H and W,
            which is one group (`nn.GroupNorm(1, C)`).

    Raises:
        RecipeError: no such norm, or instance norm where there is nothing to average over.

    Examples:
        >>> type(norm("batch", 8, dims=2)).__name__
        'BatchNorm2d'
        >>> norm("none", 8) is None
        True
    """
    if name not in NORMS:
        raise RecipeError(f"norm has no {name!r}{did_you_mean(name, NORMS)}")
    if name == "none":
        return None
    if name == "batch":
        return nn.BatchNorm1d(channels) if dims == 1 else nn.BatchNorm2d(channels)
    if name == "layer":
        return nn.LayerNorm(channels) if dims == 1 else nn.GroupNorm(1, channels)
    if name == "group":
        return nn.GroupNorm(_groups(channels, dims), channels)
    if dims == 1:
        raise RecipeError("norm='instance' needs images, but these are flat features (take batch or layer)")
    return nn.InstanceNorm2d(channels, affine=True)


def shifts(name: str) -> bool:
    """Whether a norm takes each channel's own mean away, so that a bias before it does nothing."""
    return name in ("batch", "instance")


def _groups(channels: int, dims: int) -> int:
    """The most groups, at most 32, that divide the channels; of flat features each has 4 or more."""
    most = min(GROUPS, channels if dims > 1 else max(1, channels // 4))
    return next(groups for groups in range(most, 0, -1) if channels % groups == 0)
