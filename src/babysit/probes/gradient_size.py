"""How large the gradients are."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe


@probe("gradient", gives=("gradient.norm", "gradient.rms"))
def gradient_size(xs: list[Tensor]) -> Tensor:
    """Euclidean norm, and root mean square, of each gradient as the optimizer sees it.

    Examples:
        >>> gradient_size([torch.tensor([3.0, 4.0])])
        tensor([[5.0000],
                [3.5355]])
    """
    norms = torch.stack([norm.float() for norm in torch._foreach_norm(xs)])
    counts = norms.new_tensor([max(1, x.numel()) for x in xs])
    return torch.stack([norms, norms / counts.sqrt()])
