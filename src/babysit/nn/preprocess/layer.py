"""A first layer that holds what it learnt of the training split: fit, forward, inverse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import DataError, RecipeError, TrainingError
from .moments import Moments

Shape = Sequence[int]
ROWS = 4096  # examples of one large tensor that are taken in at a time


class Preprocess(nn.Module):
    """Statistics as buffers, so that they travel in `state_dict` and test data meet the same numbers.

    `count` is the number of training examples they come from; 0 until fitted or loaded. The input may
    be of any type of number; the output has the buffers' own (float32).

    Args:
        shape: of one example, (D,) or (C, H, W); taken from the data (or the saved state) if None.
    """

    count: Tensor
    mean: Tensor
    images_only = False

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.fitted = False  # beside `count`, so that forward needn't read a tensor
        self.shape: tuple[int, ...] | None = None
        for name in self._sizes(()):
            self.register_buffer(name, None)
        if shape is not None:
            self._shape_to(tuple(shape))

    def fit(self, data: Tensor | np.ndarray | Iterable[Any]) -> Self:
        """Learn the statistics from the training split, in one exact pass.

        Args:
            data: one tensor or array (N, *shape), or an iterable of batches of them; of a batch
                that is a tuple or list, as a DataLoader gives, the first entry is the inputs.

        Raises:
            DataError: no examples, values that aren't finite, or batches of different shapes.
        """
        statistics = self.statistics()
        examples, shape = 0, None
        for batch in _batches(data):
            if shape is not None and tuple(batch.shape[1:]) != shape:
                got = tuple(batch.shape[1:])
                raise DataError(f"all examples must have one shape, but got {shape} and then {got}")
            shape = tuple(batch.shape[1:])
            self._check(shape)
            if batch.is_floating_point() and not bool(batch.isfinite().all()):
                raise DataError("the statistics need finite values, but the training split has NaN or inf")
            statistics.update(self._rows(batch))
            examples += len(batch)
        if not examples or shape is None:
            raise DataError("the statistics need at least one training example, but got none")
        return self.take(statistics, shape, examples)

    def statistics(self) -> Moments:
        """A fresh accumulator of what this layer learns from, for those who stream by themselves."""
        return Moments()

    @torch.no_grad()
    def take(self, statistics: Any, shape: Shape, examples: int) -> Self:
        """Take finished statistics over, of examples of `shape`; what `fit` ends with."""
        self._shape_to(tuple(shape))
        for name, value in self._learn(statistics).items():
            getattr(self, name).copy_(value.reshape(getattr(self, name).shape))
        self.count.fill_(examples)
        self.fitted = True
        return self

    def forward(self, x: Tensor) -> Tensor:
        if not self.fitted:
            raise TrainingError(
                f"{type(self).__name__} has no statistics yet: call fit(training inputs) or load_state_dict first"
            )
        if not self._accepts(tuple(x.shape[1:])):
            raise DataError(f"{self!r} got examples of the shape {tuple(x.shape[1:])}")
        return self._apply_to(self._number(x))

    def inverse(self, y: Tensor) -> Tensor:
        """Back from the layer's output to its input, where that is possible."""
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    @property
    def out_shape(self) -> tuple[int, ...] | None:
        """The shape of one example after this layer, None while that isn't known."""
        return self.shape

    # what a layer is made of

    def _sizes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """The buffers' names, and their sizes for examples of `shape` (names alone count if it is empty)."""
        raise NotImplementedError

    def _rows(self, batch: Tensor) -> Tensor:
        """A batch as the rows that the statistics go over."""
        return batch.flatten(1)

    def _learn(self, statistics: Any) -> dict[str, Tensor]:
        """The buffers' values from finished statistics."""
        raise NotImplementedError

    def _accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether examples of `shape` can be met with these statistics (or would be broadcast wrongly)."""
        sizes = self.mean.shape
        return len(sizes) == len(shape) and all(size in (1, own) for size, own in zip(sizes, shape))

    def _apply_to(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    # shapes, types, state

    def _number(self, x: Tensor) -> Tensor:
        return x.to(self.mean.dtype)

    def _check(self, shape: tuple[int, ...]) -> None:
        name = type(self).__name__
        if len(shape) not in (1, 3) or min(shape) < 1:
            raise RecipeError(f"{name} needs examples (D,) or (C, H, W), but got the shape {shape}")
        if self.images_only and len(shape) != 3:
            raise RecipeError(f"{name} needs images (C, H, W), but an example has the shape {shape}")
        if self.shape is not None and self.shape != shape:
            raise DataError(f"{name} was made for examples of the shape {self.shape}, but got {shape}")

    def _shape_to(self, shape: tuple[int, ...]) -> None:
        """Make the buffers for examples of `shape`, where they aren't there yet."""
        self._check(shape)
        self.shape = shape
        for name, size in self._sizes(shape).items():
            if self._buffers[name] is None:
                self._buffers[name] = torch.zeros(size, device=self.count.device)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name in self._sizes(()):
            saved = state_dict.get(prefix + name)
            if self._buffers[name] is None and saved is not None:
                self._buffers[name] = torch.zeros_like(saved, device=self.count.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)  # type: ignore[arg-type]
        if prefix + "count" in state_dict:
            self.fitted = bool(state_dict[prefix + "count"] > 0)

    def extra_repr(self) -> str:
        shape = "" if self.shape is None else f"shape={self.shape}, "
        return f"{shape}{'fitted' if self.fitted else 'not fitted'}"


class Unchanged(Preprocess):
    """Nothing is done to the input, but that whole numbers become float: "none" in a recipe."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__(shape)
        self.fitted = True

    def fit(self, data: object) -> Self:
        """Nothing is learnt, and the data aren't read."""
        return self

    def inverse(self, y: Tensor) -> Tensor:
        return y

    def _sizes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {}

    def _accepts(self, shape: tuple[int, ...]) -> bool:
        return True

    def _number(self, x: Tensor) -> Tensor:
        return x if x.is_floating_point() else x.to(torch.get_default_dtype())

    def _apply_to(self, x: Tensor) -> Tensor:
        return x

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self.fitted = True


def _batches(data: Any) -> Iterator[Tensor]:
    if isinstance(data, Tensor | np.ndarray):
        for start in range(0, len(data), ROWS):
            yield torch.as_tensor(data[start : start + ROWS])
        return
    for batch in data:
        yield torch.as_tensor(batch[0] if isinstance(batch, tuple | list) else batch)
