"""A part of the examples: train, val or test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from .scratch import Array


class Rows(Protocol):
    """Examples that are read when asked for: by an int64 array of row numbers, as a tensor (n, …)."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    def __getitem__(self, index: np.ndarray) -> Tensor: ...


class Mapped:
    """Rows of an array, mapped from a file or not, each made an example by `convert`.

    Args:
        array: (N, …), any NumPy type.
        convert: block of rows -> tensor.
    """

    def __init__(self, array: Array, convert: Callable[[Array], Tensor] = torch.from_numpy) -> None:
        self.array, self.convert = array, convert
        first = convert(np.array(array[:1]))
        self.shape: tuple[int, ...] = (len(array), *first.shape[1:])
        self.dtype = first.dtype

    def __getitem__(self, index: np.ndarray) -> Tensor:
        return self.convert(np.asarray(self.array[index]))


class Chosen:
    """Some rows of other rows, in a given order; nothing is copied."""

    def __init__(self, rows: Rows, index: np.ndarray) -> None:
        self.rows, self.index = rows, index
        self.shape = (len(index), *rows.shape[1:])
        self.dtype = rows.dtype

    def __getitem__(self, index: np.ndarray) -> Tensor:
        return self.rows[self.index[index]]


class Part:
    """Examples with their targets.

    Attributes:
        x: (N, D) float32, or (N, C, H, W) float32 or uint8: a tensor on `device`, or `Rows` that are
            read batch by batch when they don't fit into memory.
        y: (N,) on `device`: int64 class ids, or float32 targets.
        index: (N,) int64, the row that each example has in its source (counted from 0).

    Examples:
        >>> part = Part(torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 0]))
        >>> [tuple(x.shape) for x, y in part.batches(2)]
        [(2, 2), (1, 2)]
    """

    def __init__(
        self, x: Tensor | Rows, y: Tensor, index: np.ndarray | None = None, device: torch.device | str | None = None
    ) -> None:
        self.x, self.y = x, y
        self.index = np.arange(len(y)) if index is None else index
        self.device = y.device if device is None else torch.device(device)

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        how = "whole" if self.whole else "lazy"
        return f"Part({len(self)} examples of shape {self.shape}, {how}, on {self.device})"

    @property
    def whole(self) -> bool:
        """Are all examples one tensor (and not read batch by batch)?"""
        return isinstance(self.x, Tensor)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.x.shape[1:])

    def to(self, device: torch.device | str) -> Part:
        """The same examples there; lazy ones are sent batch by batch."""
        device = torch.device(device)
        x = self.x.to(device) if isinstance(self.x, Tensor) else self.x
        return Part(x, self.y.to(device), self.index, device)

    def gather(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The examples of an int64 index (n,): x (n, …) and y (n,), on the part's device."""
        if isinstance(self.x, Tensor):
            index = index.to(self.device)
            return self.x.index_select(0, index), self.y.index_select(0, index)
        x = self.x[index.cpu().numpy()]
        if self.device.type == "cuda":
            x = x.pin_memory()
        return x.to(self.device, non_blocking=True), self.y.index_select(0, index.to(self.device))

    def batches(
        self, size: int, generator: torch.Generator | None = None, *, drop_last: bool = False
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples once, `size` at a time.

        Args:
            generator: draws the order (a CPU generator, so that it is the same on every device);
                in the stored order without one.
            drop_last: leave out a last batch that is smaller than `size`.
        """
        count = len(self) - len(self) % size if drop_last else len(self)
        if generator is not None:
            yield from self.ordered(torch.randperm(len(self), generator=generator)[:count], size)
        elif isinstance(self.x, Tensor):  # views: nothing is copied
            for start in range(0, count, size):
                stop = min(start + size, count)
                yield self.x[start:stop], self.y[start:stop]
        else:
            yield from self._ahead(torch.arange(count), size)

    def ordered(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The examples of an int64 order (n,), `size` at a time; lazy ones are read one batch ahead."""
        if not isinstance(self.x, Tensor):
            yield from self._ahead(order, size)
            return
        for index in order.to(self.device).split(size) if len(order) else ():
            yield self.x.index_select(0, index), self.y.index_select(0, index)

    def _ahead(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of lazy rows; while one is used the next is read."""
        if not len(order):
            return
        with ThreadPoolExecutor(1, thread_name_prefix="babysit-data") as reader:
            waiting = None
            for index in order.split(size):
                coming = reader.submit(self.gather, index)
                if waiting is not None:
                    yield waiting.result()
                waiting = coming
            if waiting is not None:
                yield waiting.result()
