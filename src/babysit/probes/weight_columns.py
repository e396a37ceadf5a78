"""Columns of a table of factors that are copies of one another."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe

ROWS, COLUMNS = 64, 1024


@probe("weight", gives="weight.columns_apart", rare=True)
def weight_columns(xs: list[Tensor]) -> Tensor:
    """How far the columns of a matrix lie apart within a row, over how far its rows do; NaN where the rows are all equal.

    0 where every column is a copy of the first. Largest differences, over at most 64 rows and 1,024 columns, evenly
    spaced; NaN for all but matrices of 2 rows and 3 columns or more.

    Examples:
        >>> weight_columns([torch.tensor([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]]), torch.eye(4), torch.ones(4, 3), torch.ones(5)])
        tensor([0., 1., nan, nan])
    """
    return torch.stack([_apart(x) for x in xs])


def _apart(x: Tensor) -> Tensor:
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] < 3:
        return torch.full((), torch.nan, device=x.device)
    x = x[:: max(1, len(x) // ROWS)][:ROWS, :: max(1, x.shape[1] // COLUMNS)][:, :COLUMNS].float()
    first = x[:, :1]
    spread = (first - first[0]).abs().amax()
    return torch.where(spread > 0, (x - first).abs().amax() / spread, torch.full_like(spread, torch.nan))
