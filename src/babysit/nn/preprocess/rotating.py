"""Decorrelation: PCA, Whiten (PCA whitening) and ZCA.

CS231n, Training Neural Networks I, data preprocessing. Directions are the eigenvectors of the training
split's covariance, largest variance first, each with the sign that makes its largest entry positive.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...errors import DataError, RecipeError
from .layer import Preprocess, Shape
from .moments import Comoments

MOST_FEATURES = 20_000  # the covariance takes 8 D^2 bytes: 3.2 GB


class _Rotation(Preprocess):
    """(N, *shape) flattened, centred, and multiplied by a matrix (D, K) learnt from the covariance."""

    forth: Tensor
    back: Tensor

    def __init__(self, components: int | None = None, epsilon: float = 0.0, shape: Shape | None = None) -> None:
        if components is not None and components < 1:
            raise RecipeError(f"components >= 1 must hold, but components={components}")
        if epsilon < 0:
            raise RecipeError(f"epsilon >= 0 must hold, but epsilon={epsilon:g}")
        self.components = components
        self.epsilon = epsilon
        super().__init__(shape)

    def statistics(self) -> Comoments:
        return Comoments()

    def _check(self, shape: tuple[int, ...]) -> None:
        super()._check(shape)
        features = math.prod(shape)
        if features > MOST_FEATURES:
            raise RecipeError(
                f"{type(self).__name__} needs a covariance of D x D, but D={features} is over {MOST_FEATURES}:"
                " take a smaller image (resize) or standardize"
            )
        if self.components is not None and self.components > features:
            raise RecipeError(f"components <= D must hold, but components={self.components} and D={features}")

    def _kept(self, shape: tuple[int, ...]) -> int:
        return self.components or math.prod(shape)

    def _sizes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        features, kept = math.prod(shape), self._kept(shape)
        return {"mean": (features,), "forth": (features, kept), "back": (kept, features)}

    def _learn(self, statistics: Comoments) -> dict[str, Tensor]:
        assert self.shape is not None
        variance, directions = _directions(statistics.covariance)
        kept = self._kept(self.shape)
        forth, back = self._matrices(variance[:kept], directions[:, :kept])
        return {"mean": statistics.mean, "forth": forth, "back": back}

    def _matrices(self, variance: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix there (D, K) and the matrix back (K, D)."""
        return directions, directions.T

    def _scales(self, variance: Tensor) -> tuple[Tensor, Tensor]:
        """1 / sqrt(variance + epsilon) and its inverse; both 0 where training data didn't vary at all.

        A direction that never varied carries nothing to learn from; divided by sqrt(epsilon) it would
        blow the smallest novelty of test data up.
        """
        flat = variance <= variance.max() * len(variance) * torch.finfo(torch.float64).eps
        scale = (variance + self.epsilon).sqrt()
        return torch.where(flat, 0.0, 1 / torch.where(flat, 1.0, scale)), torch.where(flat, 0.0, scale)

    def _accepts(self, shape: tuple[int, ...]) -> bool:
        return math.prod(shape) == len(self.mean)

    def _apply_to(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - self.mean) @ self.forth

    def inverse(self, y: Tensor) -> Tensor:
        """Back to (N, *shape): exact with all components, else the nearest point of those kept."""
        if self.shape is None:
            raise DataError(f"{type(self).__name__} doesn't know the shape of an example: give shape=(...)")
        return (y.flatten(1) @ self.back + self.mean).unflatten(1, self.shape)

    @property
    def out_shape(self) -> tuple[int, ...] | None:
        return None if self.shape is None else (self._kept(self.shape),)


class PCA(_Rotation):
    """Rotate onto the principal components, decorrelated, largest variance first: (N, *shape) to (N, K).

    Args:
        components: how many are kept; all D if None.

    Examples:
        >>> x = torch.randn(200, 3) * torch.tensor([1.0, 5.0, 0.1])
        >>> PCA(1).fit(x)(x).shape
        torch.Size([200, 1])
    """

    def __init__(self, components: int | None = None, *, shape: Shape | None = None) -> None:
        super().__init__(components, shape=shape)


class Whiten(_Rotation):
    """PCA whitening: principal components, each divided by sqrt(its variance + epsilon): to (N, K).

    Args:
        epsilon: keeps small, noisy directions from being blown up (in the unit of the variance).
        components: how many are kept; all D if None.

    Examples:
        >>> x = torch.randn(500, 2) @ torch.tensor([[3.0, 1.0], [0.0, 0.5]])
        >>> (Whiten().fit(x)(x).T.cov(correction=0) - torch.eye(2)).abs().max().item() < 1e-2
        True
    """

    def __init__(self, epsilon: float = 1e-5, components: int | None = None, *, shape: Shape | None = None) -> None:
        super().__init__(components, epsilon, shape)

    def _matrices(self, variance: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        down, up = self._scales(variance)
        return directions * down, (directions * up).T


class ZCA(_Rotation):
    """Whitening rotated back, so that the result looks like the input: (N, *shape) to (N, *shape).

    Args:
        epsilon: as in `Whiten`; Krizhevsky (2009) used it on CIFAR-10.
    """

    def __init__(self, epsilon: float = 1e-5, *, shape: Shape | None = None) -> None:
        super().__init__(None, epsilon, shape)

    def _matrices(self, variance: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        down, up = self._scales(variance)
        return (directions * down) @ directions.T, (directions * up) @ directions.T

    def _apply_to(self, x: Tensor) -> Tensor:
        return super()._apply_to(x).reshape(x.shape)

    @property
    def out_shape(self) -> tuple[int, ...] | None:
        return self.shape


def _directions(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (D,), largest first and not below 0, and eigenvectors as columns (D, D)."""
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return values, vectors * torch.where(largest < 0, -1.0, 1.0)
