"""The lecture's own setting: a two-layer network of 50 ReLU units on 32x32x3 pixels, weights N(0, 0.0001²)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..nn import mlp
from ._fleet import generator
from ._material import Examples, Material

STD = 1e-4
UNITS = 50


def pixels(data: Material, count: int) -> Examples:
    """Rows of pixels 0..255, each place's mean taken away, as the lecture prepares CIFAR-10."""
    rows = data.pixels().first(count).flat()
    mean = rows.x.mean(0)
    return rows.map(lambda x: x - mean)


@torch.no_grad()
def networks(rows: Examples, seeds: Sequence[int], std: float = STD, **options: Any) -> list[nn.Module]:
    """One a seed."""
    made = []
    for seed in seeds:
        net = mlp(rows.shape, rows.classes, **{"width": UNITS, "depth": 1, **options})
        random = generator(seed)
        for one in net.modules():
            if isinstance(one, nn.Linear):
                one.weight.copy_(torch.randn(one.weight.shape, generator=random) * std)
                one.bias.zero_()
        made.append(net)
    return made
