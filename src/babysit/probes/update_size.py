"""What a step really changed."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probe


@probe("update", gives=("update.ratio", "update.norm", "update.decay_cosine"))
def update_size(before: list[Tensor], after: list[Tensor]) -> Tensor:
    """rms(Δw) / rms(w), ‖Δw‖, and the cosine of Δw with −w (1: only weight decay moves it).

    Δw is the real change by the step. The ratio of a weight of zeros is NaN.

    Examples:
        >>> update_size([torch.tensor([3.0, 4.0])], [torch.tensor([3.3, 4.4])])[:, 0]
        tensor([ 0.1000,  0.5000, -1.0000])
    """
    changes = torch._foreach_sub(after, before)
    norms = torch.stack([norm.float() for norm in torch._foreach_norm(changes)])
    sizes = torch.stack([norm.float() for norm in torch._foreach_norm(before)])
    products = torch.stack([product.sum().float() for product in torch._foreach_mul(changes, before)])
    nan = torch.full_like(norms, torch.nan)
    both = norms * sizes
    return torch.stack(
        [
            torch.where(sizes > 0, norms / sizes, nan),
            norms,
            torch.where(both > 0, -products / both, nan),
        ]
    )
