"""Outputs in the flat part of an activation."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe


def _flat(x: Tensor, facts: dict) -> Tensor | None:
    low, high = ((facts.get("activation") or {}).get("saturates") or {}).get("output") or (None, None)
    if facts["activation"].get("can_die") or (low is None and high is None):
        return None  # a unit of ReLU's kind dies; that is another reading
    if low is None:
        return x > high
    return x < low if high is None else (x < low) | (x > high)


@probe("activation", gives="activation.saturated", of="activation")
def activation_saturated(x: Tensor, axis: int, facts: dict) -> Tensor | None:
    """Share of elements in the flat part, 0..1: where the derivative is under 5 % of its largest value.

    Examples:
        >>> tanh = {"activation": {"name": "tanh", "saturates": {"output": [-0.97, 0.97]}}}
        >>> activation_saturated(torch.tensor([[0.1, -0.99], [0.999, 0.5]]), 1, tanh)
        tensor(0.5000)
    """
    flat = _flat(x, facts)
    return None if flat is None else torch.count_nonzero(flat).float() / x.numel()
