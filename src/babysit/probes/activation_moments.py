"""Mean and standard deviation of a layer's output, and how much of it still tells the examples apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from . import probe


def _readings(sums: Sequence[float], shape: Sequence[int]) -> list[float]:
    whole, shifts, first, total, norm = sums
    n, m = shape[0], math.prod(shape[1:])
    between = _least_0((whole * whole - shifts * shifts / n) / (n * m))
    across = _least_0(norm * norm / m - (total / m) ** 2)
    var = between + across  # the law of total variance
    share = math.nan if n < 2 else between / var if var else 0.0
    return [first + total / m, math.sqrt(var), share]


def _least_0(value: float) -> float:
    return 0.0 if value < 0 else value  # NaN stays


@probe("activation", gives=("activation.mean", "activation.std", "activation.between"), finish=_readings)
def activation_moments(x: Tensor, axis: int, facts: dict) -> Tensor:
    """Mean and standard deviation over all elements, in the output's own unit, and the share of signal, 0..1.

    That share is the variance between examples / the variance over all elements: 0 means the layer says the same of
    every example; NaN of a single one. Values are measured from the first example, so that what is the same has a variance of
    exactly 0. Here only sums are taken; (norm of x − x₀, norm of its sums over examples, first mean m₀, Σ(m − m₀), its norm).

    Examples:
        >>> sums = activation_moments(torch.tensor([[0.0, 2.0], [4.0, 6.0]]), 1, {})
        >>> [round(value, 4) for value in activation_moments.finish(sums.tolist(), (2, 2))]
        [3.0, 2.2361, 0.8]
    """
    first = x.narrow(0, 0, 1)
    off = x - first
    sums = off.sum(0, keepdim=True)
    middle = (first + sums / x.shape[0]).reshape(-1)
    start = middle[0]
    around = middle - start
    norm = torch.linalg.vector_norm
    return torch.stack([norm(off), norm(sums), start, around.sum(), norm(around)])
