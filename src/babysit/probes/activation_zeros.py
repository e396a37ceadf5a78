"""Exact zeros in an activation's output."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from . import probe


def _share(counts: Sequence[float], shape: Sequence[int]) -> list[float]:
    return [1 - counts[0] / math.prod(shape)]


@probe("activation", gives="activation.zeros", of="activation", finish=_share)
def activation_zeros(x: Tensor, axis: int, facts: dict) -> Tensor:
    """Share of elements that are exactly zero, 0..1, from the count of the others (a healthy ReLU has 0.5 to 0.9: elements, not units).

    Examples:
        >>> activation_zeros(torch.tensor([[0.0, 2.0], [0.0, 6.0]]), 1, {})
        tensor(2)
        >>> activation_zeros.finish([2], (2, 2))
        [0.5]
    """
    return torch.count_nonzero(x)
