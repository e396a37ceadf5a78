"""Where examples come from: one file is one source.

`load(recipe)` finds the source from the recipe's `data` (a name, a file, a folder) or takes Python
objects (`data=`: a Dataset, a DataLoader, arrays), splits into train, val and test before anything
is computed, and gives a `Split`.

How to add a source: write one file with one decorated function, here or in a package of your own
(entry point group `babysit.data`)::

    from babysit.data import Split, source

    @source(recognizes=lambda place: str(place).endswith(".wav"), reads="a folder of sounds")
    def sounds(place, recipe, *, memory):
        x, target = ...                       # arrays, or lazy rows when larger than `memory` bytes
        return dense(x, target, recipe, source="sounds: …")

The function gets what stands in `recipe.data` (or the Python object), raises `DataError` with the
file, row and column at fault, and returns a `Split`. The tests in `tests/contracts/test_data.py`
run over every source. Members: `arrays` `bundled` `cifar` `idx` `images` `loader` `table`; the other
files hold what they share: `part` and `split` (the nouns), `target`, `encoding`, `scratch`, `dense`,
and what is done with any split: `summary`, `augment`.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import BabysitError, DataError, RecipeError, did_you_mean
from ..record import Recipe
from ..registry import members
from .part import Part
from .split import Split

__all__ = ["MEMORY", "Part", "Source", "Split", "encoding_from", "load", "source"]

MEMORY = 1 << 30
"""Bytes up to which a set is held whole in memory (and on the device); larger ones are read batch by batch."""


class Source:
    """Something that gives a Split.

    Attributes:
        name: the function's name; `name:place` as a recipe's `data` asks for it outright.
        recognizes: `place -> bool`, quick: by name, suffix, folder content or first bytes.
        reads: what it reads, in words, for the error that lists all sources.
        names: the words that are a whole `data` by themselves ("digits"), for "did you mean".
        encoding: the class that restores what `Split.encoding.to_dict()` wrote.
    """

    def __init__(
        self,
        function: Callable[..., Split],
        recognizes: Callable[[Any], bool],
        reads: str,
        names: tuple[str, ...] = (),
        encoding: Any = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name: str = function.__name__
        self.recognizes = recognizes
        self.reads = reads
        self.names = names
        self.encoding = encoding

    def __call__(self, place: Any, recipe: Recipe, *, memory: int = MEMORY) -> Split:
        return self.function(place, recipe, memory=memory)

    def __repr__(self) -> str:
        return f"<source {self.name}: {self.reads}>"


def source(
    *, recognizes: Callable[[Any], bool], reads: str, names: tuple[str, ...] = (), encoding: Any = None
) -> Callable[[Callable[..., Split]], Source]:
    """Make a source of a function `(place, recipe, *, memory) -> Split`."""
    return lambda function: Source(function, recognizes, reads, names, encoding)


def load(recipe: Recipe, *, data: Any = None, memory: int = MEMORY) -> Split:
    """Read, split and encode the examples that a recipe names.

    Args:
        recipe: `data`, `target`, `missing`, `resize`, `val`, `test`, `seed`, `loss` are read.
        data: instead of `recipe.data`: a Dataset, a DataLoader, `(X, y)`, or a mapping of
            "train", "val", "test" to such.
        memory: bytes up to which the examples are held whole as tensors.

    Raises:
        DataError: the data can't be read or can't be learned from.
        RecipeError: the recipe asks for what this data can't give.

    Examples:
        >>> split = load(Recipe(data="iris"))
        >>> split
        Split(train 98, val 22, test 30; shape (4,), 3 classes)
        >>> import torch
        >>> x, y = split.train.gather(torch.tensor([0, 1]))
        >>> x.shape, y.dtype
        (torch.Size([2, 4]), torch.int64)
    """
    place = recipe.data if data is None else data
    if isinstance(place, str | Path):
        place = os.path.expanduser(place)
    try:
        found, place = _find(place)
        split = found(place, recipe, memory=memory)
    except BabysitError:
        raise
    except OSError as error:
        raise DataError(f"{place} must be readable, but: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"{place} must be whole, but it is truncated or damaged: {error}") from error
    except MemoryError as error:
        raise DataError(f"{place} must fit into memory, but it does not: {error}") from error
    if recipe.augment != "none" and len(split.shape) != 3:
        raise RecipeError(f"augment={recipe.augment} needs images, but {place} has examples of shape {split.shape}")
    return split


def encoding_from(values: dict[str, Any]) -> Any:
    """The encoding that `Split.encoding.to_dict()` wrote, ready to `encode` new examples."""
    found = _sources().get(str(values.get("source")))
    if found is None or found.encoding is None:
        raise DataError(f"the encoding must be by a known source, but it is by {values.get('source')!r}")
    return found.encoding.from_dict(values)


def _sources() -> dict[str, Source]:
    return members(__name__, Source)  # type: ignore[return-value]


def _find(place: Any) -> tuple[Source, Any]:
    """The source for a place, and the place without an outright `source:` before it."""
    known = _sources()
    if isinstance(place, str):
        if not place:
            raise RecipeError("data must name a bundled set, a file or a folder, but it is empty")
        if "\0" in place:
            raise DataError(f"data must be a name or a path, but {place!r} has a zero byte in it")
        name, colon, rest = place.partition(":")
        if colon and rest and name in known:
            return known[name], rest
    for candidate in known.values():
        if candidate.recognizes(place):
            return candidate, place
    raise _unknown(place, known)


def _unknown(place: Any, known: dict[str, Source]) -> DataError:
    if not isinstance(place, str):
        wanted = "a Dataset, a DataLoader, (X, y), or a mapping of 'train', 'val', 'test' to such"
        return DataError(f"data must be {wanted}, but got {type(place).__name__}")
    path = Path(place)
    if not path.exists():
        names = [name for one in known.values() for name in one.names]
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, [*names, *near] if path.suffix == "" else near or names)
        hint = hint if hint.startswith(" (did") else f" (bundled: {', '.join(names)})"
        return DataError(f"data must be a bundled set, a file or a folder that exists, but there is no {place!r}{hint}")
    if path.is_dir():
        if not any(path.iterdir()):
            return DataError(f"the folder {place} must hold examples, but it is empty")
        wanted = "a folder per class with images in it, CIFAR batches, IDX pairs, or X.npy and y.npy"
        return DataError(f"the folder {place} must hold {wanted}, but it holds none of these")
    if path.stat().st_size == 0:
        return DataError(f"the file {place} must hold examples, but it is empty")
    ways = "; ".join(f"{name}: {one.reads}" for name, one in known.items())
    return DataError(f"{place} must be of a kind that can be read ({ways}), but its name and first bytes are of none")
