"""Whether examples are made of continuous numbers."""

from __future__ import annotations

from torch import Tensor

from . import probe

ROWS, FEATURES = 128, 32


@probe("batch", gives="batch.distinct")
def batch_distinct(x: Tensor) -> Tensor | None:
    """Different values / examples, of the feature that has most of them, 0..1: near 1 examples can't be equal by chance.

    Over at most 128 examples and 32 evenly spaced features.

    Examples:
        >>> import torch
        >>> batch_distinct(torch.tensor([[0.0, 0.3], [1.0, 0.2], [1.0, 0.7], [0.0, 0.1]]))
        tensor(1.)
        >>> batch_distinct(torch.tensor([[0.0], [1.0], [1.0], [0.0]]))
        tensor(0.5000)
    """
    flat = x.reshape(len(x), -1)[:ROWS]
    if len(flat) < 2 or not flat.shape[1]:
        return None
    ordered = flat[:, :: -(-flat.shape[1] // FEATURES)].sort(0).values
    different = 1 + (ordered[1:] != ordered[:-1]).sum(0)
    return different.amax().float() / len(flat)
