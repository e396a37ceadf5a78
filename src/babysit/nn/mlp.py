"""The multilayer perceptron: fully connected layers of one width."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from .block import Style, outputs, positive


def mlp(
    shape: Sequence[int],
    classes: int | None,
    *,
    width: int = 128,
    depth: int = 2,
    activation: str = "relu",
    pieces: int = 2,
    norm: str = "none",
    dropout: float = 0.0,
) -> nn.Sequential:
    """`depth` hidden layers of `width` units, then the output layer: (N, *shape) to (N, classes).

    Examples:
        >>> list(dict(mlp((4,), 3, width=8, depth=1, norm="batch", dropout=0.5).named_children()))
        ['linear1', 'norm1', 'relu1', 'dropout1', 'output']
    """
    positive(width=width, depth=depth)
    style = Style(activation, pieces, norm, dropout)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if len(shape) != 1:
        layers["flatten"] = nn.Flatten()
    inputs = math.prod(shape)
    for layer in range(1, depth + 1):
        layers.update(style.linear(layer, inputs, width))
        inputs = width
    layers["output"] = nn.Linear(inputs, outputs(classes))
    return nn.Sequential(layers)
