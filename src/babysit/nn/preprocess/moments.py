"""Exact statistics in one pass: streamed in float64 and merged (Chan, Golub & LeVeque 1979).

A batch's own mean and sum of squares about it are computed first and then merged, so that nothing
is subtracted that nearly cancels, whatever the offset of the data, and parts computed apart
(by several readers, on several machines) merge to the same numbers.
"""

from __future__ import annotations

from typing import Protocol, Self

import torch
from torch import Tensor


class Statistics(Protocol):
    """What a layer learns from: updated batch by batch, merged with what another has seen."""

    count: int

    def update(self, x: Tensor) -> Self: ...

    def merge(self, other: Self) -> Self: ...


class Moments:
    """Count, mean and variance of D features over rows (N, D).

    Examples:
        >>> x = torch.tensor([[1.0, 5.0], [3.0, 5.0], [8.0, 5.0]])
        >>> parts = Moments().update(x[:2]).merge(Moments().update(x[2:]))
        >>> parts.count, parts.mean.tolist(), [round(v, 3) for v in parts.variance.tolist()]
        (3, [4.0, 5.0], [8.667, 0.0])
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(0, dtype=torch.float64)
        self._squares = torch.zeros(0, dtype=torch.float64)

    def update(self, x: Tensor) -> Self:
        """Take in rows (N, D); computed in float64 on the CPU."""
        part = type(self)()
        x = x.detach().to("cpu", torch.float64)
        part.count = len(x)
        if part.count:
            part.mean = x.mean(0)
            part._squares = self._about(x - part.mean)
        return self.merge(part)

    def merge(self, other: Self) -> Self:
        """Take in what another has seen."""
        if not other.count:
            return self
        if not self.count:
            self.count, self.mean, self._squares = other.count, other.mean.clone(), other._squares.clone()
            return self
        total = self.count + other.count
        delta = other.mean - self.mean
        self._squares += other._squares + self._between(delta) * (self.count * other.count / total)
        self.mean = self.mean + delta * (other.count / total)
        self.count = total
        return self

    @property
    def variance(self) -> Tensor:
        """Variance of each feature (D,), over N and not N - 1."""
        return self._squares / self.count

    @property
    def constant(self) -> Tensor:
        """Which features (D,) never vary, up to the rounding of float64."""
        noise = torch.finfo(torch.float64).eps * self.count
        return self.variance <= noise * self.variance + (noise * self.mean) ** 2

    def _about(self, centred: Tensor) -> Tensor:
        return centred.square().sum(0)

    def _between(self, delta: Tensor) -> Tensor:
        return delta.square()


class Comoments(Moments):
    """Count, mean and the full covariance (D, D) of rows (N, D).

    Examples:
        >>> x = torch.randn(50, 3, dtype=torch.float64)
        >>> seen = Comoments().update(x[:7]).update(x[7:])
        >>> bool(torch.allclose(seen.covariance, torch.cov(x.T, correction=0)))
        True
    """

    @property
    def covariance(self) -> Tensor:
        """Covariance (D, D), over N and not N - 1."""
        return self._squares / self.count

    @property
    def variance(self) -> Tensor:
        """Variance of each feature (D,)."""
        return self.covariance.diagonal()

    def _about(self, centred: Tensor) -> Tensor:
        return centred.T @ centred

    def _between(self, delta: Tensor) -> Tensor:
        return torch.outer(delta, delta)
