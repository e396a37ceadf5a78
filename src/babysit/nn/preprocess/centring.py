"""Zero-centring and scaling: Center, MeanImage, ChannelMean, Standardize."""

from __future__ import annotations

import torch
from torch import Tensor

from .layer import Preprocess
from .moments import Moments


class Center(Preprocess):
    """Subtract each feature's mean: of a column (D,), or of each place of an image (C, H, W).

    Examples:
        >>> layer = Center().fit(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
        >>> layer(torch.tensor([[2.0, 0.0]]))
        tensor([[  0., -20.]])
    """

    def _sizes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"mean": shape}

    def _learn(self, statistics: Moments) -> dict[str, Tensor]:
        return {"mean": statistics.mean}

    def _apply_to(self, x: Tensor) -> Tensor:
        return x - self.mean

    def inverse(self, y: Tensor) -> Tensor:
        """Add the mean back."""
        return y + self.mean


class MeanImage(Center):
    """Subtract the mean image (C, H, W), as AlexNet did."""

    images_only = True


class ChannelMean(Center):
    """Subtract each channel's mean (C, 1, 1), as VGG did: the default for images.

    Examples:
        >>> layer = ChannelMean().fit(torch.arange(8, dtype=torch.uint8).reshape(1, 2, 2, 2))
        >>> layer.mean.flatten()
        tensor([1.5000, 5.5000])
    """

    images_only = True

    def _sizes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"mean": (*shape[:1], 1, 1)}

    def _rows(self, batch: Tensor) -> Tensor:
        return _channels_last(batch)


class Standardize(Preprocess):
    """Subtract the mean and divide by the standard deviation: of each column (D,) or channel (C, 1, 1).

    Of images it goes by channel, since a pixel that is hardly ever lit would be blown up. What never
    varied in training is only centred.

    Examples:
        >>> layer = Standardize().fit(torch.tensor([[1.0, 7.0], [3.0, 7.0]]))
        >>> layer(torch.tensor([[5.0, 8.0]]))
        tensor([[3., 1.]])
    """

    std: Tensor

    def _sizes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        size = (shape[0], 1, 1) if len(shape) == 3 else shape
        return {"mean": size, "std": size}

    def _rows(self, batch: Tensor) -> Tensor:
        return _channels_last(batch) if batch.dim() == 4 else batch

    def _learn(self, statistics: Moments) -> dict[str, Tensor]:
        std = torch.where(statistics.constant, 1.0, statistics.variance.sqrt())
        return {"mean": statistics.mean, "std": std}

    def _apply_to(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std

    def inverse(self, y: Tensor) -> Tensor:
        """Multiply by the standard deviation and add the mean back."""
        return y * self.std + self.mean


def _channels_last(batch: Tensor) -> Tensor:
    """(N, C, H, W) as rows (N * H * W, C)."""
    return batch.movedim(1, -1).flatten(0, -2)
