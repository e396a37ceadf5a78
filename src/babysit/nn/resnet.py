"""The residual network of basic blocks (He et al. 2015), sized for small images as for CIFAR-10."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from .activations import activation as new_activation
from .block import Style, image_shape, outputs, positive
from .norm import norm as new_norm


class BasicBlock(nn.Module):
    """y = act(skip(x) + norm(conv(act(norm(conv(x)))))): (N, C, H, W) to (N, units, H', W').

    Where channels or size change the skip is a 1 x 1 convolution. Without normalization the sum is
    scaled by sqrt(1/2), or its variance would double with each block. A maxout unit can't stand
    after the sum (it would need `pieces` times the channels): there it ends the branch.
    """

    def __init__(self, inputs: int, units: int, stride: int, style: Style) -> None:
        super().__init__()
        self.branch = nn.Sequential(OrderedDict(_branch(inputs, units, stride, style)))
        same = inputs == units and stride == 1
        self.skip = nn.Identity() if same else _projection(inputs, units, stride, style)
        self.scale = math.sqrt(0.5) if style.norm == "none" else 1.0
        self.activation = nn.Identity() if style.widening > 1 else new_activation(style.activation)

    def forward(self, x: Tensor) -> Tensor:
        total = self.skip(x) + self.branch(x)
        return self.activation(total if self.scale == 1 else total * self.scale)


def _branch(inputs: int, units: int, stride: int, style: Style) -> list[tuple[str, nn.Module]]:
    layers = [*style.conv(1, inputs, units, stride), *style.conv(2, units, units)]
    if style.widening > 1:
        return layers
    return [(name, layer) for name, layer in layers if name not in (f"{style.activation}2", "dropout2")]


def _projection(inputs: int, units: int, stride: int, style: Style) -> nn.Sequential:
    layers: list[tuple[str, nn.Module]] = [
        ("conv", nn.Conv2d(inputs, units, 1, stride, bias=style.bias)),
    ]
    normed = new_norm(style.norm, units, dims=2)
    if normed is not None:
        layers.append(("norm", normed))
    return nn.Sequential(OrderedDict(layers))


def resnet(
    shape: Sequence[int],
    classes: int | None,
    *,
    width: int = 16,
    depth: int = 3,
    activation: str = "relu",
    pieces: int = 2,
    norm: str = "batch",
    dropout: float = 0.0,
) -> nn.Sequential:
    """A first convolution and `depth` stages of two basic blocks: (N, C, H, W) to (N, classes).

    The stages have `width`, 2 `width`, 4 `width` ... channels; each but the first halves the map as
    long as it is at least 4 x 4. No parameter starts at zero but the biases.

    Raises:
        RecipeError: the examples aren't images of 4 x 4 and more.

    Examples:
        >>> [name for name, module in resnet((3, 32, 32), 10, depth=2).named_children()]
        ['conv0', 'norm0', 'relu0', 'block1a', 'block1b', 'block2a', 'block2b', 'average', 'flatten', 'output']
    """
    channels, height, wide = image_shape(tuple(shape), "resnet")
    positive(width=width, depth=depth)
    style = Style(activation, pieces, norm, dropout)
    plain = Style(activation, pieces, norm)
    layers: OrderedDict[str, nn.Module] = OrderedDict(plain.conv(0, channels, width))
    channels = width
    for stage in range(1, depth + 1):
        units = width * 2 ** (stage - 1)
        stride = 2 if stage > 1 and min(height, wide) >= 4 else 1
        height, wide = math.ceil(height / stride), math.ceil(wide / stride)
        for letter in "ab":
            layers[f"block{stage}{letter}"] = BasicBlock(channels, units, stride, style)
            channels, stride = units, 1
    layers["average"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["output"] = nn.Linear(channels, outputs(classes))
    return nn.Sequential(layers)
