"""The few transforms that the scripts use."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch


class Compose:
    """One after another."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x


class Lambda:
    """A function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, x: Any) -> Any:
        return self.function(x)


class ToTensor:
    """(H, W, C) bytes to (C, H, W) in 0..1."""

    def __call__(self, x: Any) -> torch.Tensor:
        if isinstance(x, torch.Tensor):
            return x
        array = np.asarray(x)
        array = array[..., None] if array.ndim == 2 else array
        return torch.from_numpy(array.copy()).permute(2, 0, 1).float() / 255


class Normalize:
    """(x - mean) / std per channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = torch.tensor(mean).view(-1, 1, 1), torch.tensor(std).view(-1, 1, 1)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


class Resize:
    """To another size."""

    def __init__(self, size: int | Sequence[int], *args: Any, **more: Any) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def __call__(self, x: Any) -> Any:
        return x.resize((self.size[1], self.size[0])) if hasattr(x, "resize") else x


class _Same:
    def __init__(self, *args: Any, **more: Any) -> None: ...

    def __call__(self, x: Any) -> Any:
        return x


class RandomHorizontalFlip(_Same):
    """Mirrored, half of the time."""

    def __call__(self, x: Any) -> Any:
        return x.transpose(0) if random.random() < 0.5 and not isinstance(x, torch.Tensor) else x


Pad = RandomCrop = CenterCrop = RandomResizedCrop = _Same
