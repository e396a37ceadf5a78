"""Several processes that train one model (DDP): are their weights the same? And which of them speaks."""

from __future__ import annotations

import torch
from torch import Tensor

EVERY = (2, 5, 10, 50)


def rank() -> int:
    """The rank of this process, 0 where there is only one."""
    return torch.distributed.get_rank() if together() else 0


def together() -> bool:
    """Do several processes train together just now?"""
    dist = torch.distributed
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def spread(values: list[Tensor]) -> Tensor | None:
    """The largest difference of a parameter's norm between the processes, relative to it; all must call it at the same step.

    One all-reduce of two numbers for each parameter.
    """
    if not values or not together():
        return None
    norms = torch.stack([norm.float() for norm in torch._foreach_norm([value.detach() for value in values])])
    both = torch.cat([norms, -norms])
    torch.distributed.all_reduce(both, torch.distributed.ReduceOp.MAX)
    high, low = both[: len(norms)], -both[len(norms) :]
    return ((high - low) / high.clamp_min(1e-30)).amax()


def due(step: int) -> bool:
    """Is it compared after this step? By the step alone, so that all processes agree.

    Only early: processes that end at different steps must never wait for one another here.
    """
    return step in EVERY
