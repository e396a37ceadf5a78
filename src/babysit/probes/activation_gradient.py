"""The gradient that arrives at a layer's output."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe


@probe("activation_gradient", gives="gradient.activation")
def activation_gradient(x: Tensor, axis: int, facts: dict) -> Tensor:
    """Root mean square of the gradient with respect to the module's output.

    Examples:
        >>> activation_gradient(torch.tensor([[3.0, 4.0]]), 1, {})
        tensor(3.5355)
    """
    return torch.linalg.vector_norm(x) / max(1, x.numel()) ** 0.5
