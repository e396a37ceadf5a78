"""MNIST-style IDX files, plain or gzipped: train-images-idx3-ubyte beside train-labels-idx1-ubyte.

The format (Y. LeCun, The MNIST database): two zero bytes, a type byte, the number of dimensions,
each dimension as a big-endian int32, then the values, big-endian.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..record import Recipe
from . import source
from .arrays import joined
from .dense import dense, layout_of
from .encoding import DenseEncoding
from .scratch import Array, Growing
from .split import PARTS, Split
from .target import read_target

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME = re.compile(r"(?P<before>.*?)(?P<kind>images|labels)(?P<after>[-_.]?idx\d[-_.]?\w*(\.gz)?|\.idx(\.gz)?)$", re.I)


def is_idx(path: Path) -> bool:
    """Is it an IDX file, by its first four bytes (also within gzip)?"""
    try:
        with _open(path) as file:
            start = file.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in TYPES and 1 <= start[3] <= 8


def _recognizes(place: Any) -> bool:
    if not isinstance(place, str):
        return False
    path = Path(place)
    if path.is_dir():
        return bool(_pairs(path))
    return path.is_file() and (bool(_NAME.fullmatch(path.name)) or is_idx(path))


@source(
    recognizes=_recognizes,
    reads="an IDX file of images with its labels beside it, or a folder of such pairs",
    encoding=DenseEncoding,
)
def idx(place: str, recipe: Recipe, *, memory: int) -> Split:
    """IDX pairs; a folder's t10k or test pair is its own test set."""
    path = Path(place)
    pairs = _pairs(path) if path.is_dir() else {"train": _partner(path)}
    if "train" not in pairs:
        raise DataError(f"{place} must hold a pair of images and labels to train on, but it holds only a test pair")
    read = {part: (read_idx(a, memory), read_idx(b)) for part, (a, b) in pairs.items()}
    for part, (x, y) in read.items():
        if y.ndim != 1 or x.ndim < 2:
            raise DataError(
                f"labels must have one dimension and images more, but {pairs[part]} have {y.ndim}, {x.ndim}"
            )
        if len(x) != len(y):
            raise DataError(f"{pairs[part][0]} must have a label for each image, but has {len(x):,} and {len(y):,}")
    x, y, own = joined(read, memory)
    return dense(
        x,
        read_target(y, recipe, images=layout_of(x) != "flat", name="the labels"),
        recipe,
        name="idx",
        source=f"{place}: {len(x):,} examples of shape {x.shape[1:]} (IDX)",
        memory=memory,
        own=own,
    )


def read_idx(path: Path, memory: int = 1 << 62) -> Array:
    """The array of one IDX file; mapped or unpacked to be mapped when larger than `memory` bytes.

    Raises:
        DataError: wrong magic, truncated, or more bytes than its dimensions say.
    """
    try:
        with _open(path) as file:
            shape, dtype = _header(file.read(4), file, path)
            need = math.prod(shape) * dtype.itemsize
            if need > memory and isinstance(file, gzip.GzipFile) is False:
                _whole(path.stat().st_size - file.tell(), need, path)
                return np.memmap(path, dtype, "r", file.tell(), shape)
            return _values(file, shape, dtype, need, memory, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} must be a whole gzip file, but it is truncated or damaged: {error}") from error


def _open(path: Path) -> Any:
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else open(path, "rb")


def _header(magic: bytes, file: Any, path: Path) -> tuple[tuple[int, ...], np.dtype]:
    if not magic:
        raise DataError(f"the file {path} must hold examples, but it is empty")
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= 8:
        raise DataError(f"{path} must begin with IDX magic (0, 0, type 8..14, dimensions), but with {magic!r}")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(f"{path} must give {magic[3]} dimensions, but it ends within them: truncated?")
    return struct.unpack(f">{magic[3]}I", sizes), np.dtype(TYPES[magic[2]])


def _values(file: Any, shape: tuple[int, ...], dtype: np.dtype, need: int, memory: int, path: Path) -> Array:
    """The values that follow the header."""
    bytes_ = Growing(memory)
    while bytes_.size <= need and (block := file.read(min(1 << 24, need + 1 - bytes_.size))):
        bytes_.add(block)
    _whole(bytes_.size, need, path)
    return bytes_.array().view(dtype).reshape(shape)


def _whole(got: int, need: int, path: Path) -> None:
    if got < need:
        raise DataError(f"{path} must hold {need:,} bytes of values, but {got:,} are there: truncated?")
    if got > need:
        raise DataError(f"{path} must hold {need:,} bytes of values, but more are there: not an IDX file, or damaged")


def _pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """images and labels per part, in the folder or (as torchvision leaves them) in its raw/ or MNIST/raw/."""
    for place in (folder, *sorted(folder.glob("raw")), *sorted(folder.glob("*/raw"))):
        found = {}
        for path in sorted(place.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match and match["kind"].lower() == "images" and path.is_file():
                before = match["before"].lower()
                part = "test" if "t10k" in before or "test" in before else "val" if "val" in before else "train"
                if part not in found:  # the plain file sorts before its .gz
                    found[part] = _partner(path)
        if found:
            return {part: found[part] for part in PARTS if part in found}
    return {}


def _partner(path: Path) -> tuple[Path, Path]:
    """(images, labels) from either."""
    if not path.is_file():
        raise DataError(f"there must be a file {path}, but there is none")
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise DataError(f"an IDX file must be named …images-idx3-ubyte or …labels-idx1-ubyte, but it is {path.name}")
    known = {"images": path} if match["kind"].lower() == "images" else {"labels": path}
    other = "labels" if "images" in known else "images"
    for file in sorted(path.parent.iterdir()):
        found = _NAME.fullmatch(file.name)
        if found and found["kind"].lower() == other and found["before"].lower() == match["before"].lower():
            known.setdefault(other, file)
    if other not in known:
        raise DataError(f"there must be {other} beside {path}, named as {path.name} is, but there are none")
    return known["images"], known["labels"]
