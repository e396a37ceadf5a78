"""Python objects: any PyTorch Dataset or DataLoader, (X, y), or a mapping of parts to such.

What fits into memory is read once into tensors. A Dataset whose examples change from one reading to
the next (random augmentation) is left as it is, and read anew in every epoch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, default_collate, default_convert

from ..errors import DataError
from ..record import Recipe
from . import source
from .arrays import joined
from .dense import dense, examples, layout_of
from .encoding import DenseEncoding
from .part import Rows
from .scratch import Growing
from .split import Split
from .target import read_target

PARTS = ("train", "val", "test")


def _recognizes(place: Any) -> bool:
    if isinstance(place, Mapping):
        return bool(place) and all(_recognizes(one) for one in place.values())
    pair = isinstance(place, tuple | list) and len(place) == 2 and not isinstance(place[0], str)
    return pair or isinstance(place, Dataset | DataLoader)


@source(recognizes=_recognizes, reads="(from Python) a Dataset, a DataLoader or (X, y)", encoding=DenseEncoding)
def loader(place: Any, recipe: Recipe, *, memory: int) -> Split:
    """Examples that the caller already has."""
    given = place if isinstance(place, Mapping) else {"train": place}
    if "train" not in given or any(part not in PARTS for part in given):
        raise DataError(f"the parts must be train, and maybe val and test, but they are {', '.join(map(str, given))}")
    pairs = {part: _pair(given[part], memory) for part in PARTS if part in given}
    y = np.concatenate([_labels(y, part) for part, (_, y) in pairs.items()])
    if any(not isinstance(x, np.ndarray) for x, _ in pairs.values()):
        x, own = _joined_rows({part: x for part, (x, _) in pairs.items()})
        images = len(x.shape) == 4
    else:
        x, _, own = joined({part: (x, np.asarray(y)) for part, (x, y) in pairs.items()}, memory)
        images = layout_of(x) != "flat"
    what = type(given["train"]).__name__
    return dense(
        x,
        read_target(y, recipe, images=images, name="the targets"),
        recipe,
        name="loader",
        source=f"{len(y):,} examples from Python ({what})",
        memory=memory,
        own=own,
    )


class DatasetRows:
    """The examples of a map-style Dataset, read when asked for; `changing` from one reading to the next or not."""

    def __init__(self, dataset: Any, changing: bool) -> None:
        self.dataset, self.changing = dataset, changing
        first = self[np.array([0])]
        self.shape = (len(dataset), *first.shape[1:])
        self.dtype = first.dtype

    def __getitem__(self, index: np.ndarray) -> Tensor:
        return examples(np.stack([_example(self.dataset, row)[0] for row in index.tolist()]))


def _pair(given: Any, memory: int) -> tuple[Any, np.ndarray]:
    """x (an array or rows) and y of one part."""
    if isinstance(given, DataLoader):
        if isinstance(given.dataset, IterableDataset) or given.collate_fn not in (default_collate, default_convert):
            return _streamed(given, memory)
        given = given.dataset
    if isinstance(given, IterableDataset):
        return _streamed(DataLoader(given, batch_size=None), memory)
    if isinstance(given, TensorDataset):
        given = given.tensors
    if isinstance(given, tuple | list):
        if len(given) != 2:
            raise DataError(f"(X, y) must be two arrays, but there are {len(given)}")
        return _numbers(given[0]), _numbers(given[1])
    return _from_dataset(given, memory)


def _from_dataset(dataset: Any, memory: int) -> tuple[Any, np.ndarray]:
    count = len(dataset)
    if not count:
        raise DataError("the Dataset must hold examples, but it is empty")
    with _same_chance():
        first = _example(dataset, 0)
        changes = any(
            not np.array_equal(_example(dataset, row)[0], _example(dataset, row)[0]) for row in range(min(4, count))
        )
    if changes or first[0].nbytes * count > memory:
        return DatasetRows(dataset, changes), np.array([_example(dataset, row)[1] for row in range(count)])
    x, y = np.empty((count, *first[0].shape), first[0].dtype), []
    for row in range(count):
        one, label = _example(dataset, row)
        if one.shape != first[0].shape:
            raise DataError(f"examples must have one shape, but 1 is {first[0].shape} and {row + 1} is {one.shape}")
        x[row] = one
        y.append(label)
    return x, np.array(y)


def _example(dataset: Any, row: int) -> tuple[np.ndarray, Any]:
    one = dataset[row]
    if not isinstance(one, tuple | list) or len(one) != 2:
        raise DataError(f"a Dataset must give (x, y), but example {row + 1} is {type(one).__name__}")
    label = _numbers(one[1])
    if label.size != 1:
        raise DataError(f"a target must be one value, but that of example {row + 1} is of shape {label.shape}")
    return _numbers(one[0]), label.reshape(()).item()


def _streamed(loader: DataLoader, memory: int) -> tuple[np.ndarray, np.ndarray]:
    """All batches of a loader whose dataset has no rows to ask for, or that makes its batches in its own way."""
    shape, got, ys = None, Growing(memory), []
    for batch in loader:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise DataError(f"a DataLoader must give (x, y), but batch {len(ys) + 1} is {type(batch).__name__}")
        x, y = _numbers(batch[0]), _numbers(batch[1])
        x, y = (x, y) if y.ndim else (x[None], y[None])
        shape = shape or (x.shape[1:], x.dtype)
        if (x.shape[1:], x.dtype) != shape or len(x) != len(y):
            raise DataError(
                f"batches must be alike, but batch {len(ys) + 1} is {x.shape} {x.dtype} with {len(y)} targets"
            )
        got.add(np.ascontiguousarray(x).tobytes())
        ys.append(y)
    if shape is None:
        raise DataError("the DataLoader must give batches, but it gives none")
    return got.array().view(shape[1]).reshape(-1, *shape[0]), np.concatenate(ys)


def _joined_rows(rows: Mapping[str, Any]) -> tuple[Any, dict[str, np.ndarray] | None]:
    """Rows of several parts one after another."""
    if len(rows) == 1:
        return rows["train"], None
    counts = {part: len(x) if isinstance(x, np.ndarray) else x.shape[0] for part, x in rows.items()}
    ends = np.cumsum(list(counts.values()))
    own = {part: np.arange(end - counts[part], end) for part, end in zip(counts, ends.tolist(), strict=True)}
    return _Several([_tensor_rows(x) for x in rows.values()]), own


def _tensor_rows(x: Any) -> Any:
    return examples(x) if isinstance(x, np.ndarray) else x


class _Several:
    """Rows of several sources as one."""

    def __init__(self, rows: list[Rows | Tensor]) -> None:
        shapes = {tuple(one.shape[1:]) for one in rows}
        if len(shapes) > 1:
            raise DataError(f"examples must have one shape in all parts, but they have {sorted(shapes)}")
        self.rows = rows
        self.changing = any(getattr(one, "changing", False) for one in rows)
        self.starts = np.cumsum([0, *(one.shape[0] for one in rows)])
        self.shape = (int(self.starts[-1]), *shapes.pop())
        self.dtype = rows[0].dtype

    def __getitem__(self, index: np.ndarray) -> Tensor:
        out = torch.empty((len(index), *self.shape[1:]), dtype=self.dtype)
        which = np.searchsorted(self.starts, index, side="right") - 1
        for number in np.unique(which).tolist():
            here = np.flatnonzero(which == number)
            rows, local = self.rows[number], index[here] - self.starts[number]
            block = rows[torch.from_numpy(local)] if isinstance(rows, Tensor) else rows[local]
            out[torch.from_numpy(here)] = block.to(self.dtype)
        return out


def _numbers(values: Any) -> np.ndarray:
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    if hasattr(values, "toarray"):  # scipy's sparse matrices
        values = values.toarray()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"examples must be arrays of one shape, but: {error}") from error


def _labels(y: Any, part: str) -> np.ndarray:
    array = np.asarray(y)
    if array.dtype == object and not all(isinstance(one, str) for one in array.reshape(-1)[:1000]):
        raise DataError(f"the targets of {part} must be numbers or text, but they are Python objects")
    return array


@contextmanager
def _same_chance() -> Iterator[None]:
    """Looking at examples leaves the random states as they were."""
    ours, numpys = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(ours)
            np.random.set_state(numpys)
