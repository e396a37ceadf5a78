"""Batch norm: what it remembers beside what it sees."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import probe
from ._moments import moments


@probe("norm", gives=("norm.mean_gap", "norm.var_ratio", "norm.batch", "norm.updates"))
def norm_running(x: Tensor, module: nn.Module, batch: int | None = None) -> Tensor | None:
    """Running statistics against those of the batch.

    `norm.mean_gap`: largest |running mean − batch mean| / batch std over the channels;
    `norm.var_ratio`: median of running variance / batch variance; `norm.batch`: values averaged
    per channel (`batch`, where `x` is a sample); `norm.updates`: how often the running statistics were updated. None without running statistics.

    Examples:
        >>> norm_running(torch.tensor([[1.0], [3.0]]), nn.BatchNorm1d(1))
        tensor([2., 1., 2., 0.])
    """
    running_mean, running_var = getattr(module, "running_mean", None), getattr(module, "running_var", None)
    if running_mean is None or running_var is None or x.ndim < 2:
        return None
    others = tuple(index for index in range(x.ndim) if index != 1)
    mean, var = moments(x, others)
    std = var.sqrt().clamp_min(1e-12)
    counted = getattr(module, "num_batches_tracked", None)
    updates = mean.new_zeros(()) if counted is None else counted.to(mean.dtype)
    return torch.stack(
        [
            ((running_mean - mean).abs() / std).amax(),
            (running_var / var.clamp_min(1e-12)).median(),
            mean.new_full((), batch or x.numel() // x.shape[1]),
            updates,
        ]
    )
