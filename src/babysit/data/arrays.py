"""NumPy files: .npz, .npy, and folders of .npy.

Inputs are called X (x, data, images, features, inputs) and targets y (target, targets, label,
labels), each also with train, val or test in the name: x_train, X_test, y_val, train_labels. For
`X.npy` the targets are looked for beside it, in `y.npy`. `target=` names another array.
Nothing is ever unpickled. Arrays larger than memory are mapped, not read.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from ..errors import DataError, did_you_mean
from ..record import Recipe
from . import source
from .dense import dense, layout_of
from .encoding import DenseEncoding
from .scratch import Array, Growing, room
from .split import Split
from .target import read_target

INPUTS = ("x", "data", "image", "images", "feature", "features", "input", "inputs")
TARGETS = ("y", "target", "targets", "label", "labels")
_PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def _recognizes(place: Any) -> bool:
    if not isinstance(place, str):
        return False
    path = Path(place)
    if path.is_dir():
        return any(_role(file.stem)[0] == "x" for file in path.glob("*.npy"))
    if path.suffix.lower() in (".npy", ".npz"):
        return path.is_file()
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        if file.read(6) == npy.MAGIC_PREFIX:
            return True
    return zipfile.is_zipfile(path) and any(name.endswith(".npy") for name in zipfile.ZipFile(path).namelist())


@source(
    recognizes=_recognizes,
    reads=".npz, .npy, or a folder of .npy, with X and y in it",
    encoding=DenseEncoding,
)
def arrays(place: str, recipe: Recipe, *, memory: int) -> Split:
    """NumPy arrays of inputs and targets; their own val and test parts are kept."""
    path = Path(place)
    held = _held(path, memory)
    pairs = _pairs(held, recipe.target, place)
    x, y, own = joined({part: (held[a](), held[b]()) for part, (a, b) in pairs.items()}, memory)
    images = layout_of(x) != "flat"
    return dense(
        x,
        read_target(y, recipe, images=images, name=f"the target {pairs['train'][1]!r}"),
        recipe,
        name="arrays",
        source=f"{place}: {len(x):,} examples of shape {x.shape[1:]}",
        memory=memory,
        own=own,
    )


def inputs(path: Path, memory: int = 1 << 62) -> Array:
    """The one array of inputs of a .npy or .npz, for new examples that have no targets."""
    if path.suffix.lower() == ".npy":
        return read_npy(path, memory)
    held = _held(path, memory)
    names = [name for name in held if _role(name)[0] == "x"] or list(held)
    if len(names) != 1:
        raise DataError(f"{path} must hold one array of inputs (X), but it holds {', '.join(held) or 'none'}")
    return held[names[0]]()


def joined(pairs: Mapping[str, tuple[Any, Any]], memory: int) -> tuple[Array, Array, dict[str, np.ndarray] | None]:
    """One x, one y and the rows of each part, from (x, y) per part; nothing is copied for one part."""
    for part, (x, y) in pairs.items():
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise DataError(f"{part} must have a target for each example, but x is {x.shape} and y is {y.shape}")
    if len(pairs) == 1:
        return (*pairs["train"], None)
    if len({x.shape[1:] for x, _ in pairs.values()}) > 1:
        shapes = ", ".join(f"{part} {x.shape[1:]}" for part, (x, _) in pairs.items())
        raise DataError(f"examples must have one shape in all parts, but they have {shapes}")
    total = sum(len(x) for x, _ in pairs.values())
    whole = room((total, *pairs["train"][0].shape[1:]), np.result_type(*(x for x, _ in pairs.values())), memory)
    own, start = {}, 0
    for part, (x, _) in pairs.items():
        whole[start : start + len(x)] = x
        own[part] = np.arange(start, start + len(x))
        start += len(x)
    return whole, np.concatenate([y for _, y in pairs.values()]), own


def _role(name: str) -> tuple[str, str]:
    """("x" | "y" | "", part) that an array's name tells."""
    words = [word for word in re.split(r"[^a-z]+", re.sub(r"([a-z])([XY])", r"\1_\2", name).lower()) if word]
    parts = [_PARTS[word] for word in words if word in _PARTS]
    rest = [word for word in words if word not in _PARTS]
    for glued in list(rest):  # xtrain, ytest
        if glued[:1] in "xy" and glued[1:] in _PARTS:
            parts.append(_PARTS[glued[1:]])
            rest[rest.index(glued)] = glued[:1]
    kind = "x" if rest and rest[-1] in INPUTS else "y" if rest and rest[-1] in TARGETS else ""
    return kind, parts[0] if parts else "train"


def _pairs(held: Mapping[str, Any], target: str | None, place: str) -> dict[str, tuple[str, str]]:
    """The names of x and y for each part."""
    if target is not None and target not in held:
        raise DataError(f"target={target} must be an array of {place}{did_you_mean(target, held)}")
    found: dict[str, dict[str, str]] = {}
    for name in held:
        kind, part = _role(name)
        if target is not None:
            kind = "y" if name == target else "x" if kind == "x" else ""
        if kind:
            if kind in found.setdefault(part, {}):
                raise DataError(f"{place} must hold one {kind} for {part}, but has {found[part][kind]!r} and {name!r}")
            found[part][kind] = name
    there = f"it holds {', '.join(held) or 'no array'}"
    if "train" not in found:
        raise DataError(f"{place} must hold inputs X and targets y, or x_train and y_train, but {there}")
    for part, names in found.items():
        for kind, word in (("x", "inputs (X)"), ("y", "targets (y)")):
            if kind not in names:
                raise DataError(f"{place} must hold {word} for {part}, but {there}; target= names the targets' array")
    order = [part for part in ("train", "val", "test") if part in found]
    return {part: (found[part]["x"], found[part]["y"]) for part in order}


def _held(path: Path, memory: int) -> dict[str, Any]:
    """name -> function that gives the array."""
    if path.is_dir():
        return {file.stem: partial(read_npy, file, memory) for file in sorted(path.glob("*.npy"))}
    with open(path, "rb") as file:
        start = file.read(6)
    if not start:
        raise DataError(f"the file {path} must hold arrays, but it is empty")
    if start == npy.MAGIC_PREFIX:
        return _beside(path, memory)
    if start[:4] not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise DataError(f"{path} must be a NumPy file, but its first bytes are {start!r}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"{path} must be a whole .npz, but it is truncated or damaged: {error}") from error
    return {name.removesuffix(".npy"): partial(_read_member, path, name, memory) for name in names}


def _beside(path: Path, memory: int) -> dict[str, Any]:
    """X.npy, and the y.npy beside it."""
    kind, part = _role(path.stem)
    targets = [file for file in sorted(path.parent.glob("*.npy")) if _role(file.stem) == ("y", part)]
    if kind != "x" or not targets:
        raise DataError(f"{path} must be inputs (X.npy) with their targets in y.npy beside it, but it is not")
    return {"X": partial(read_npy, path, memory), "y": partial(read_npy, targets[0], memory)}


def read_npy(path: Path, memory: int) -> Array:
    """The array of a .npy: read, or mapped when larger than `memory` bytes."""
    with open(path, "rb") as file:
        shape, fortran, dtype = _header(file, str(path))
        offset, size = file.tell(), path.stat().st_size
        need = _size(shape, dtype)
        if size - offset < need:
            raise DataError(f"{path} must hold {need:,} bytes of array, but {size - offset:,} are there: truncated?")
        if need > memory:
            return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
        return _fill(file, shape, fortran, dtype, memory, str(path))


def _read_member(path: Path, name: str, memory: int) -> Array:
    """An array of a .npz: read, mapped where it is stored plainly, else unpacked to be mapped."""
    where = f"{name} of {path}"
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            shape, fortran, dtype = _header(file, where)  # type: ignore[arg-type]
            return _fill(file, shape, fortran, dtype, memory, where)  # type: ignore[arg-type]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError) as error:
        raise DataError(f"{where} must be whole, but it is truncated or damaged: {error}") from error


def _header(file: BinaryIO, where: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise DataError(f"{where} must be in NumPy's format 1.0 or 2.0, but it is in {version}")
        shape, fortran, dtype = _HEADERS[version](file)
    except DataError:
        raise
    except Exception as error:  # NumPy parses the header as Python, and fails in as many ways
        raise DataError(f"{where} must be a NumPy array, but its header is damaged: {str(error)[:80]!r}") from error
    if dtype.hasobject:
        raise DataError(
            f"{where} must hold plain numbers, but it holds Python objects: they are pickled, and reading them could "
            "run code. Save numbers instead: np.savez(file, X=X.astype('float32'), y=y)"
        )
    if dtype.fields or dtype.subdtype or any(size < 0 for size in shape):
        raise DataError(f"{where} must hold a plain array, but its type is {dtype}; save one array each for X and y")
    return shape, fortran, dtype


def _fill(file: BinaryIO, shape: tuple[int, ...], fortran: bool, dtype: np.dtype, memory: int, where: str) -> Array:
    """Read an array's bytes, claiming room only for what is there."""
    need = _size(shape, dtype)
    kept = shape[::-1] if fortran else shape
    if not need:
        return np.empty(shape, dtype)
    got = Growing(memory)
    while got.size < need and (block := file.read(min(1 << 24, need - got.size))):
        got.add(block)
    if got.size < need:
        raise DataError(f"{where} must hold {need:,} bytes of array, but {got.size:,} are there: truncated?")
    out = got.array().view(dtype).reshape(kept)
    return out.T if fortran else out


def _size(shape: tuple[int, ...], dtype: np.dtype) -> int:
    size = dtype.itemsize
    for one in shape:
        size *= int(one)
    return size
