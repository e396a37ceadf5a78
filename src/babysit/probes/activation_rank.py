"""The effective rank of a layer's output."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe

MOST = 128


@probe("activation", gives="activation.rank", rare=True)
def activation_rank(x: Tensor, axis: int, facts: dict) -> Tensor | None:
    """Effective rank, exp(entropy of the squared singular values), over min(N, units), 0..1.

    Over at most 128 rows and 128 units. Source: Roy & Vetterli 2007, the effective rank.

    Examples:
        >>> activation_rank(torch.eye(4) * 3, 1, {})
        tensor(0.7500, dtype=torch.float64)
    """
    rows = x.movedim(axis, -1).reshape(-1, x.shape[axis])
    rows = rows[:: max(1, len(rows) // MOST)][:MOST, :: max(1, rows.shape[1] // MOST)][:, :MOST].double()
    if min(rows.shape) < 2:
        return None
    rows = rows - rows.mean(0)
    gram = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    power = torch.linalg.eigvalsh(torch.nan_to_num(gram)).clamp_min(0)
    total = power.sum()
    share = power / total.clamp_min(1e-300)
    rank = torch.exp(-torch.xlogy(share, share).sum())
    return torch.where(total > 0, rank, torch.zeros_like(rank)) / min(rows.shape)
