"""The networks that claims train, made by the package's own parts, one for each seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..nn import ACTIVATIONS, convnet, init, mlp
from ._fleet import Fleet, generator
from ._material import Examples


def mlps(
    data: Examples, seeds: Sequence[int], *, how: str = "he", gain: float = 1.0, bias: float = 0.0, **options: Any
) -> list[nn.Module]:
    """One MLP a seed: `options` are those of `babysit.nn.mlp`.

    Args:
        how: the init; `gain` is taken times the weights afterwards, and hidden biases start at `bias`.
    """
    return [_started(mlp(data.shape, data.classes, **options), seed, how, gain, bias) for seed in seeds]


def convnets(data: Examples, seeds: Sequence[int], **options: Any) -> list[nn.Module]:
    """One small ConvNet a seed: the image is halved by its first layer's pooling, then `babysit.nn.convnet`."""
    made = []
    for seed in seeds:
        net = convnet((data.shape[0], data.shape[1] // 2, data.shape[2] // 2), data.classes, **options)
        made.append(_started(nn.Sequential(nn.AvgPool2d(2), *net), seed, "he", 1.0, 0.0))
    return made


@torch.no_grad()
def _started(net: nn.Module, seed: int, how: str, gain: float, bias: float) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # for "pytorch", which leaves what the constructor drew
        for module in net.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()  # type: ignore[operator]
    init(net, how, generator=generator(seed))
    layers = [one for one in net.modules() if isinstance(one, nn.Linear | nn.Conv2d)]
    for layer in layers[:-1]:
        layer.weight.mul_(gain)
        if bias and layer.bias is not None:
            layer.bias.fill_(bias)
    return net


def fleet(groups: Sequence[Sequence[nn.Module]], seeds: Sequence[int], **options: Any) -> Fleet:
    """All arms of a claim in one fleet: arm by arm, each with every seed."""
    return Fleet([net for group in groups for net in group], seeds=[seed for _ in groups for seed in seeds], **options)


def many(seeds: Sequence[int], times: int) -> list[int]:
    """Each seed so many times over, as seeds of their own: what is noisy is measured oftener, and averaged."""
    return [seed + 10_000 * again for again in range(times) for seed in seeds]


def by_seed(values: Any, seeds: Sequence[int]) -> np.ndarray:
    """The means over what `many` repeated: (…, times · S) to (…, S)."""
    array = np.asarray(values, float)
    return array.reshape(*array.shape[:-1], -1, len(seeds)).mean(-2)


def hidden(net: nn.Module) -> list[nn.Module]:
    """The activation modules of a network, in order."""
    kinds = tuple(row.module for row in ACTIVATIONS.values() if isinstance(row.module, type))
    return [one for one in net.modules() if isinstance(one, kinds)]


def activations(net: nn.Module, x: Tensor, *, inputs: bool = False) -> list[Tensor]:
    """What each activation module gave (or got), still part of the graph, in evaluation of x (N, …)."""
    kept: list[Any] = []
    handles = [
        one.register_forward_hook(lambda module, got, gave: kept.append(got[0] if inputs else gave))
        for one in hidden(net)
    ]
    try:
        kept.append(net(x))
    finally:
        for handle in handles:
            handle.remove()
    return kept


def signal(net: nn.Module, x: Tensor, y: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """By hidden layer: outputs, and the gradients of the mean loss on what goes into its activation."""
    before = activations(net, x, inputs=True)
    outputs = before.pop()
    loss = nn.functional.cross_entropy(outputs, y)
    gradients = torch.autograd.grad(loss, before)
    with torch.no_grad():
        after = activations(net, x)
    return after[:-1], list(gradients)


def rms(x: Tensor) -> float:
    """Root of the mean square."""
    return float(x.detach().double().square().mean().sqrt())


def one_sign(gradients: Tensor) -> float:
    """Share of units (rows of gradients (units, inputs)), of those that get any, whose weights are all pushed one way."""
    moved = (gradients != 0).any(1)
    alike = (gradients >= 0).all(1) | (gradients <= 0).all(1)
    return float(alike[moved].double().mean()) if bool(moved.any()) else 0.0


@torch.no_grad()
def dead(net: nn.Module, x: Tensor) -> float:
    """Share of hidden units whose derivative is 0 for every example, so that nothing reaches their weights again."""
    found = []
    for module, before in zip(hidden(net), activations(net, x, inputs=True)):
        with torch.enable_grad():
            inputs = before.detach().requires_grad_()
            (slope,) = torch.autograd.grad(module(inputs).sum(), inputs)
        units = slope.movedim(1, 0).flatten(1)
        found.append((units == 0).all(1).double())
    return float(torch.cat(found).mean())
