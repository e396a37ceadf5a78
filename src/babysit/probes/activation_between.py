"""How much of a layer's output still tells the examples apart."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe


@probe("activation", gives="activation.between")
def activation_between(x: Tensor, axis: int, facts: dict) -> Tensor | None:
    """Variance between examples / variance over all elements, 0..1: 0 means the layer says the same of every example.

    Examples:
        >>> activation_between(torch.tensor([[1.0, 5.0], [1.0, 5.0]]), 1, {})
        tensor(0.)
        >>> activation_between(torch.tensor([[1.0, 1.0], [5.0, 5.0]]), 1, {})
        tensor(1.)
    """
    if x.shape[0] < 2:
        return None
    middle = x.mean(0)
    between = (x - middle).square().mean()
    total = between + (middle - middle.mean()).square().mean()  # the law of total variance
    return torch.where(total > 0, between / total, torch.zeros_like(total))
