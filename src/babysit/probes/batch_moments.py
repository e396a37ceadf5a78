"""The scale of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe
from ._moments import finite_part, moments_of_all


@probe("batch", gives=("batch.mean", "batch.std", "batch.min", "batch.max", "batch.nonfinite"))
def batch_moments(x: Tensor) -> Tensor:
    """Mean, standard deviation, smallest and largest of the finite values, and the share of NaN or infinity.

    Examples:
        >>> batch_moments(torch.tensor([[0.0, 2.0], [4.0, 6.0]]))
        tensor([3.0000, 2.2361, 0.0000, 6.0000, 0.0000])
    """
    x, share, low, high = finite_part(x)
    mean, std = moments_of_all(x)
    return torch.stack([mean, std, low, high, share])
