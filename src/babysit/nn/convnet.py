"""The convolutional network: stages of two 3 x 3 convolutions, pooled between, channels doubling.

CS231n, Convolutional Neural Networks; the small filters in pairs are VGG's (Simonyan & Zisserman 2014).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from .block import Style, image_shape, outputs, positive

SMALL_MAP = 16  # a last map of at most this many places is read place by place, a larger one averaged


def convnet(
    shape: Sequence[int],
    classes: int | None,
    *,
    width: int = 32,
    depth: int = 3,
    activation: str = "relu",
    pieces: int = 2,
    norm: str = "none",
    dropout: float = 0.0,
) -> nn.Sequential:
    """`depth` stages of `width`, 2 `width`, 4 `width` ... channels: (N, C, H, W) to (N, classes).

    Each stage ends in a 2 x 2 max pooling as long as the map is at least 4 x 4, so that 8 x 8 digits
    and larger photographs both work.

    Raises:
        RecipeError: the examples aren't images of 4 x 4 and more.

    Examples:
        >>> [name for name, module in convnet((1, 8, 8), 10, depth=1).named_children()]
        ['conv1a', 'relu1a', 'conv1b', 'relu1b', 'pool1', 'flatten', 'output']
    """
    channels, height, wide = image_shape(tuple(shape), "convnet")
    positive(width=width, depth=depth)
    style = Style(activation, pieces, norm, dropout)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for stage in range(1, depth + 1):
        units = width * 2 ** (stage - 1)
        layers.update(style.conv(f"{stage}a", channels, units))
        layers.update(style.conv(f"{stage}b", units, units))
        channels = units
        if min(height, wide) >= 4:
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
            height, wide = height // 2, wide // 2
    if height * wide > SMALL_MAP:
        layers["average"] = nn.AdaptiveAvgPool2d(1)
        height = wide = 1
    layers["flatten"] = nn.Flatten()
    layers["output"] = nn.Linear(channels * height * wide, outputs(classes))
    return nn.Sequential(layers)
