"""What the criterion really gets: its scale, and whether it is already a distribution."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe
from ._moments import finite_part, moments, moments_of_all

_GIVES = (
    "output.mean", "output.std", "output.min", "output.max", "output.nonfinite", "output.zeros",
    "output.row_sum_error", "output.log_row_sum_error", "output.between", "output.column_sum_error",
)  # fmt: skip


@probe("output", gives=_GIVES)
def output_shape(x: Tensor, target: Tensor | None) -> Tensor:
    """Moments, range, zeros, and how far rows are from summing to 1 (as they are, and after exp).

    The classes lie on axis 1. `output.row_sum_error` is −1 where some value is negative, and where there is one column;
    `output.column_sum_error` is how far sums over the examples are from 1, of exp where some value is negative;
    `output.between` is the variance between examples / the variance over all elements.

    Examples:
        >>> output_shape(torch.tensor([[0.25, 0.75], [0.5, 0.5]]), None)[6]
        tensor(0.)
    """
    x, share, low, high = finite_part(x)
    mean, std = moments_of_all(x)
    zeros = 1 - torch.count_nonzero(x).float() / x.numel()
    none = torch.full_like(mean, -1)
    plain = logs = across = none
    if x.ndim >= 2 and x.shape[1] > 1:
        exp = x.exp()
        plain = torch.where(low >= 0, (x.sum(1) - 1).abs().amax(), none)
        logs = (exp.sum(1) - 1).abs().amax()
        across = (torch.where(low >= 0, x, exp).sum(0) - 1).abs().amax()
    between = moments(x, (0,))[1].mean() if x.shape[0] > 1 else std * torch.nan
    between = torch.where(std > 0, between / (std * std), torch.zeros_like(std))
    return torch.stack([mean, std, low, high, share, zeros, plain, logs, between, across])
