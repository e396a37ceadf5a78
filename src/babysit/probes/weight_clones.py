"""Units of a layer that are copies of one another."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe

ROWS, COLUMNS = 64, 1024


@probe("weight", gives="weight.clones", rare=True)
def weight_clones(xs: list[Tensor]) -> Tensor:
    """Share of row pairs with cosine > 0.999; NaN for vectors, matrices of fewer than 4 rows, and weights that are not finite.

    Over at most 64 rows and 1,024 columns, evenly spaced.

    Examples:
        >>> weight_clones([torch.ones(4, 3), torch.eye(4), torch.ones(5)])
        tensor([1., 0., nan])
    """
    return torch.stack([_clones(x) for x in xs])


def _clones(x: Tensor) -> Tensor:
    if x.ndim < 2 or x.shape[0] < 4 or x[0].numel() < 2:
        return torch.full((), torch.nan, device=x.device)
    rows = x.flatten(1)
    rows = rows[:: max(1, len(rows) // ROWS)][:ROWS, :: max(1, rows.shape[1] // COLUMNS)][:, :COLUMNS].float()
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    # rows of zeros are copies of one another too
    rows = torch.where(norms > 0, rows / norms.clamp_min(1e-30), torch.ones_like(rows) / rows.shape[1] ** 0.5)
    alike = (rows @ rows.T > 0.999).sum() - len(rows)
    share = alike.float() / (len(rows) * (len(rows) - 1))
    return torch.where(norms.isfinite().all(), share, torch.full_like(share, torch.nan))
