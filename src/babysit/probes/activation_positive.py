"""Units whose outputs all have one sign."""

from __future__ import annotations

from torch import Tensor

from . import probe


@probe("activation", gives="activation.positive", of="activation")
def activation_positive(x: Tensor, axis: int, facts: dict) -> Tensor | None:
    """Share of units whose outputs are all of one sign over the batch, 0..1 (not zero-centred).

    Examples:
        >>> activation_positive(torch.tensor([[0.1, -1.0], [0.2, 1.0]]), 1, {})
        tensor(0.5000)
    """
    if x.shape[0] < 2:
        return None
    others = tuple(index for index in range(x.ndim) if index != axis)
    return ((x.amin(others) >= 0) | (x.amax(others) <= 0)).float().mean()
