"""Features of a batch beside one another."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe
from ._moments import moments


@probe("batch", gives=("batch.feature_offset", "batch.feature_offset_median", "batch.feature_spread"))
def batch_features(x: Tensor) -> Tensor | None:
    """Largest and median |mean| / std over features (channels for images), and largest / median non-zero std.

    The largest offset is that of features of which no value stands in more than half of the examples (three values
    are tried): a border pixel that is set once has no scale to speak of.

    Examples:
        >>> batch_features(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
        tensor([ 2.,  2., 10.])
    """
    if x.ndim < 2 or x.shape[0] < 2:
        return None
    axis = 1 if x.ndim >= 4 else x.ndim - 1
    others = tuple(index for index in range(x.ndim) if index != axis)
    mean, var = moments(x, others)
    std = var.sqrt()
    moves = std > 1e-12 * (1 + mean.abs())
    nan = torch.full_like(std, torch.nan)
    offset = torch.where(moves, mean.abs() / std, nan)
    rows = x.movedim(axis, -1).reshape(-1, x.shape[axis])
    tried = [(rows == rows[index]).sum(0) for index in (0, len(rows) // 2, len(rows) - 1)]
    lively = 2 * torch.stack(tried).amax(0) <= len(rows)
    middle = torch.nanmedian(torch.where(moves, std, nan)).nan_to_num(nan=1.0)  # a pixel at the border says nothing
    highest = torch.where(moves, std, torch.zeros_like(std)).amax()
    return torch.stack(
        [
            torch.where(lively, torch.nan_to_num(offset, nan=0.0), 0.0).amax(),
            torch.nanmedian(offset),
            highest / middle.clamp_min(1e-30),
        ]
    )
