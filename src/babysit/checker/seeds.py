"""The same program with other seeds: every seed it sets is moved, and where it sets none they are set."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ..hosts.edits.stage import Stage

_STRIDE = 7919


@contextlib.contextmanager
def shifted(offset: int) -> Iterator[None]:
    """Inside, `torch.manual_seed(n)` and its kin seed another stream for each offset; 0 changes nothing
    but starts an unseeded program from a fixed seed, so that it can be repeated.
    """
    random.seed(offset * _STRIDE)
    np.random.seed(offset * _STRIDE)
    torch.manual_seed(offset * _STRIDE)
    if not offset:
        yield
        return
    with Stage() as stage:
        for owner, name in ((torch, "manual_seed"), (np.random, "seed"), (random, "seed"), (np.random, "default_rng")):
            stage.replace(owner, name, lambda original: _shift(original, offset))
        yield


def _shift(original: Any, offset: int) -> Any:
    def seeded(seed: Any = None, *args: Any, **kwargs: Any) -> Any:
        if seed is None:
            seed = offset * _STRIDE
        if isinstance(seed, int | np.integer):
            seed = (int(seed) + offset * _STRIDE) % 2**32
        return original(seed, *args, **kwargs)

    return seeded
