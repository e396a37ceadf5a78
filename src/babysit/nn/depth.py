"""What a signal becomes on its way through a network: the lecture's pictures of activations by depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from .activations import Activation, row_of


@dataclass(frozen=True)
class Depth:
    """One activation's outputs over a batch.

    Attributes:
        name: the module's name in the model.
        activation: its name in the table of activations.
        mean, std: over all examples and units.
        saturated: share of outputs whose |f'| is below 5 % of its largest value and falling to 0
            (|a| > 0.975 for tanh, a < 0.0127 or a > 0.9873 for sigmoid, a = 0 for ReLU).
        dead: share of units without any gradient for every example: ReLU's zeros, both ends of
            a hard tanh. A unit is a channel of images, else a place of the last dimension.
    """

    name: str
    activation: str
    mean: float
    std: float
    saturated: float
    dead: float


@torch.no_grad()
def depth_profile(model: nn.Module, x: Tensor) -> list[Depth]:
    """Mean, std, saturated and dead share after each activation, in the order they ran.

    The model runs once, in the mode it is in; nothing of it is kept or changed but what its own
    forward changes. Activations that are functions (`F.relu`) can't be seen.

    Args:
        x: a batch of inputs (N, ...); for `dead` to mean something N should be 256 and more.

    Examples:
        >>> from babysit.nn import init, mlp
        >>> net = init(mlp((500,), 10, width=500, depth=3, activation="tanh"), "small")
        >>> [f"{layer.std:.1g}" for layer in depth_profile(net, torch.randn(1000, 500))]
        ['0.2', '0.05', '0.01']
    """
    found: list[Depth] = []
    handles = []
    for name, module in model.named_modules():
        row = row_of(module)
        if row is not None:
            handles.append(module.register_forward_hook(partial(_see, found, name, row)))
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _see(
    found: list[Depth], name: str, row: Activation, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor
) -> None:
    found.append(_measure(name, row, inputs[0], output))


def _measure(name: str, row: Activation, x: Tensor, output: Tensor) -> Depth:
    low, high = row.saturates
    saturated = torch.zeros_like(x, dtype=torch.bool)
    if low is not None:
        saturated |= x <= low
    if high is not None:
        saturated |= x >= high
    units = saturated.movedim(1 if x.dim() > 3 else -1, 0).flatten(1)
    dead = units.all(1).float().mean() if row.units_can_die else torch.zeros(())
    values = output.double()
    numbers = (values.mean(), values.std(correction=0), saturated.double().mean(), dead)
    return Depth(name, row.name, *(float(number) for number in numbers))
