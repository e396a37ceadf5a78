"""Whether weights are still as PyTorch draws them: such weights were never trained, and freezing them saves nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MANY = 256
"""Numbers from which on a standard deviation says where they were drawn from."""


def as_drawn(one: Mapping[str, Any]) -> bool | None:
    """Did this parameter start as PyTorch's layers draw it? None where its facts don't tell.

    Linear and convolution: variance 1/(3·fan_in). Recurrent: the same of the units, three or four gates stacked.
    Embedding: N(0, 1). Attention's projections: Glorot.

    Examples:
        >>> as_drawn({"kind": "weight", "shape": [64, 48], "start": {"mean": 0.0, "std": 1 / 12}})
        True
        >>> as_drawn({"kind": "weight", "shape": [64, 48], "start": {"mean": 0.0, "std": 0.02}})
        False
        >>> as_drawn({"kind": "bias", "shape": [64], "start": {"mean": 0.0, "std": 0.1}}) is None
        True
    """
    start, shape = one.get("start") or {}, one.get("shape", ())
    sd, mean = start.get("std"), start.get("mean", 0.0)
    if one.get("kind", "weight") not in ("weight", "embedding") or len(shape) < 2 or math.prod(shape) < MANY or not sd:
        return None
    near = max(0.03, 2.5 / math.sqrt(math.prod(shape)))  # the error of a standard deviation of so many numbers
    if one.get("kind") == "embedding":
        return abs(sd - 1) < near and abs(mean) < 2 * near
    counts = (math.prod(shape[1:]), shape[0], shape[0] / 3, shape[0] / 4)
    scales = [1 / math.sqrt(3 * count) for count in counts]
    if len(shape) == 2:
        scales.append(math.sqrt(2 / (shape[0] + shape[1])))
    return any(abs(sd / scale - 1) < near for scale in scales)


def never_trained(parameters: Sequence[Mapping[str, Any]]) -> bool:
    """Are all of these that tell still as they were drawn (and does one tell)?"""
    told = [drawn for drawn in map(as_drawn, parameters) if drawn is not None]
    return bool(told) and all(told)
