"""Units that no example wakes."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe


@probe("activation", gives="activation.dead", of="relu", examples=512, whole=True)
def activation_dead(x: Tensor, axis: int, facts: dict) -> Tensor:
    """Alive units, (U,) bool: above zero for at least one example. The reading is the share of the others.

    Where the output is zero the gradient is zero, so a unit that is zero for every example never changes again.

    Examples:
        >>> activation_dead(torch.tensor([[0.0, 2.0], [0.0, 0.0]]), 1, {})
        tensor([False,  True])
    """
    others = tuple(index for index in range(x.ndim) if index != axis)
    return torch.amax(x, others) > 0
