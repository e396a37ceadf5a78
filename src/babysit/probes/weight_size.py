"""How large the weights are."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe


@probe("weight", gives=("weight.norm", "weight.rms"))
def weight_size(xs: list[Tensor]) -> Tensor:
    """Euclidean norm, and root mean square, of each parameter.

    Examples:
        >>> weight_size([torch.tensor([3.0, 4.0]), torch.ones(9)])
        tensor([[5.0000, 3.0000],
                [3.5355, 1.0000]])
    """
    norms = torch.stack([norm.float() for norm in torch._foreach_norm(xs)])
    counts = norms.new_tensor([max(1, x.numel()) for x in xs])
    return torch.stack([norms, norms / counts.sqrt()])
