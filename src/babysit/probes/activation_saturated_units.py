"""Units that are saturated for nearly every example."""

from __future__ import annotations

from torch import Tensor

from . import probe
from .activation_saturated import _flat

SHARE = 0.95


@probe("activation", gives="activation.saturated_units", of="activation", examples=512)
def activation_saturated_units(x: Tensor, axis: int, facts: dict) -> Tensor | None:
    """Working units, (U,) bool: saturated for less than 95 % of a batch. The reading is the share of the others.

    Examples:
        >>> tanh = {"activation": {"name": "tanh", "saturates": {"output": [-0.97, 0.97]}}}
        >>> activation_saturated_units(torch.tensor([[0.1, -0.99], [0.2, 0.999]]), 1, tanh)
        tensor([ True, False])
    """
    flat = _flat(x, facts)
    if flat is None:
        return None
    others = tuple(index for index in range(x.ndim) if index != axis)
    return flat.float().mean(others) < SHARE
