"""What is drawn of a tensor rather than judged: its histogram, and a first layer's weights as images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

CELLS = 32
ELEMENTS = 4096
"""A histogram is taken of at most so many evenly spaced elements."""
IMAGES = 64


def histogram(x: Tensor) -> Tensor:
    """Counts in 32 equal cells from the smallest to the largest element, and the cells' centres: (2, 32), on the device.

    Elements that aren't finite count as 0. Nothing is synchronised.

    Examples:
        >>> counts, centres = histogram(torch.tensor([0.0, 0.0, 1.0]))
        >>> counts[[0, 31]].tolist(), centres[[0, 31]].tolist()
        ([2.0, 1.0], [0.015625, 0.984375])
    """
    flat = x.detach().reshape(-1)
    flat = flat[:: -(-flat.numel() // ELEMENTS)] if flat.numel() > ELEMENTS else flat
    flat = torch.nan_to_num(flat.float(), 0.0, 0.0, 0.0)
    low, high = flat.aminmax()
    width = (high - low).clamp_min(torch.finfo(flat.dtype).tiny)
    cells = ((flat - low) / width * CELLS).long().clamp_(0, CELLS - 1)
    every = torch.arange(CELLS, device=x.device)
    if cells.is_cpu:
        counts = torch.bincount(cells, minlength=CELLS)
    else:  # without a scatter, which isn't deterministic there
        counts = (cells.unsqueeze(1) == every).sum(0)
    return torch.stack([counts.float(), low + (every + 0.5) / CELLS * (high - low)])


def images(weight: Tensor, shape: Sequence[int] | None) -> Tensor | None:
    """A first layer's weights as what each unit looks for, (units, C, H, W); None where that is no image.

    Args:
        weight: of a convolution (units, C, H, W), or of a linear layer (units, D).
        shape: of one example, (C, H, W), where the inputs are images.

    Examples:
        >>> images(torch.zeros(5, 12), (3, 2, 2)).shape
        torch.Size([5, 3, 2, 2])
        >>> images(torch.zeros(5, 12), None) is None, images(torch.zeros(5, 16, 3, 3), (16, 9, 9)) is None
        (True, True)
    """
    if shape is None or len(shape) != 3 or shape[0] not in (1, 3) or min(shape[1:]) < 2:
        return None
    weight = weight.detach()[:IMAGES]
    if weight.ndim == 4 and weight.shape[1] == shape[0] and min(weight.shape[2:]) >= 2:
        return weight
    if weight.ndim == 2 and weight.shape[1] == shape[0] * shape[1] * shape[2]:
        return weight.reshape(-1, *shape)
    return None
