"""Exact zeros in an activation's output."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe


@probe("activation", gives="activation.zeros", of="activation")
def activation_zeros(x: Tensor, axis: int, facts: dict) -> Tensor:
    """Share of elements that are exactly zero, 0..1 (a healthy ReLU has 0.5 to 0.9: elements, not units).

    Examples:
        >>> activation_zeros(torch.tensor([[0.0, 2.0], [0.0, 6.0]]), 1, {})
        tensor(0.5000)
    """
    return 1 - torch.count_nonzero(x).float() / x.numel()
