"""The gradient that arrives at a layer's output."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from . import probe


def _rms(norms: Sequence[float], shape: Sequence[int]) -> list[float]:
    return [norms[0] / max(1, math.prod(shape)) ** 0.5]


@probe("activation_gradient", gives="gradient.activation", finish=_rms)
def activation_gradient(x: Tensor, axis: int, facts: dict) -> Tensor:
    """Root mean square of the gradient with respect to the module's output, from its norm.

    Examples:
        >>> activation_gradient(torch.tensor([[3.0, 4.0]]), 1, {})
        tensor(5.)
        >>> activation_gradient.finish([5.0], (5, 5))
        [1.0]
    """
    return torch.linalg.vector_norm(x)
