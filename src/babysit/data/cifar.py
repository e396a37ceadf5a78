"""CIFAR-10 and CIFAR-100 as downloaded: the python and the binary version, tar.gz or unpacked.

Formats: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html. A python batch is a pickled
dict with b"data" (N, 3072) uint8 and b"labels" (b"fine_labels"); it is read by `plainpickle`,
which can't run code. A binary record is one label byte (CIFAR-100: coarse, then fine) and 3072
pixels: red, green, blue, each row by row.
"""

from __future__ import annotations

import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..errors import DataError
from ..record import Recipe
from . import source
from .dense import dense
from .encoding import DenseEncoding
from .plainpickle import loads
from .scratch import room
from .split import Split
from .target import Target

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
_BATCH = re.compile(r"(data_batch(_\d+)?|test_batch|train|test)(\.bin)?")
_NAMES = ("batches.meta", "meta", "batches.meta.txt", "fine_label_names.txt")
_LIMIT = 1 << 30

Batch = tuple[np.ndarray, np.ndarray]
"""pixels (N, 3072) uint8 and labels (N,)."""


def _recognizes(place: Any) -> bool:
    if not isinstance(place, str):
        return False
    path = Path(place)
    if path.is_dir():
        return bool(_batches(_in_folder(path)))
    if not path.is_file():
        return False
    if _BATCH.fullmatch(path.name):
        return True
    return (path.name.lower().endswith((".tar.gz", ".tgz", ".tar")) and "cifar" in path.name.lower()) or _is_tar(path)


@source(
    recognizes=_recognizes,
    reads="CIFAR-10 or CIFAR-100, python or binary, as .tar.gz, folder or single batch",
    encoding=DenseEncoding,
)
def cifar(place: str, recipe: Recipe, *, memory: int) -> Split:
    """CIFAR images (3, 32, 32) as bytes; the test batch is the test set, val is carved out of train."""
    path = Path(place)
    with _files(path) as files:
        batches = _batches(files)
        if not batches:
            raise DataError(f"{place} must hold CIFAR batches (data_batch_1, train or .bin), but it holds none")
        names = _class_names(files)
        read = [(name, _read(name, files[name], path)) for name in batches]
    kinds = {"test" if _stem(name).startswith("test") else "train" for name, _ in read}
    x, y, own = _joined(read, memory)
    classes = _classes(names, y)
    if y.max() >= len(classes):
        raise DataError(
            f"labels must be below {len(classes)}, but row {int(np.argmax(y)) + 1} has {y.max()} in {place}"
        )
    if kinds != {"train", "test"}:
        own = None
    return dense(
        x.reshape(-1, *SHAPE),
        Target.of_ids(y, classes),
        recipe,
        name="cifar",
        source=f"{place}: {len(y):,} images of 32 x 32 in colour, {len(classes)} classes (CIFAR)",
        memory=memory,
        own=own,
    )


def _joined(read: list[tuple[str, Batch]], memory: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    total = sum(len(y) for _, (_, y) in read)
    x, own, start = room((total, PIXELS), np.uint8, memory), {"train": [], "test": []}, 0
    for name, (pixels, labels) in read:
        x[start : start + len(labels)] = pixels
        own["test" if _stem(name).startswith("test") else "train"].append(np.arange(start, start + len(labels)))
        start += len(labels)
    rows = {part: np.concatenate(found) for part, found in own.items() if found}
    return x, np.concatenate([y for _, (_, y) in read]).astype(np.int64), rows


def _read(name: str, content: Callable[[], bytes], path: Path) -> Batch:
    where = f"{name} of {path}" if path.is_dir() or _is_tar(path) else str(path)
    data = content()
    if not data:
        raise DataError(f"{where} must hold a CIFAR batch, but it is empty")
    if name.endswith(".bin"):
        return read_binary(
            data, where, fine=None if _stem(name).startswith("data") else _stem(name) in ("train", "test")
        )
    return read_python(data, where)


def read_binary(data: bytes, where: str, *, fine: bool | None = None) -> Batch:
    """Pixels and labels of a binary batch.

    Args:
        fine: CIFAR-100's records, with a coarse label before the fine one; None for CIFAR-10's.
    """
    width = PIXELS + (2 if fine else 1)
    if not data or len(data) % width:
        raise DataError(
            f"{where} must hold whole records of {width:,} bytes, but has {len(data):,} bytes "
            f"({len(data) % width:,} left over): truncated, or not CIFAR"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, width)
    labels, limit = records[:, width - PIXELS - 1], 100 if fine else 10
    bad = np.flatnonzero(labels >= limit)
    if len(bad):
        raise DataError(f"labels must be below {limit}, but record {bad[0] + 1} of {where} has {labels[bad[0]]}")
    return records[:, width - PIXELS :], labels


def read_python(data: bytes, where: str) -> Batch:
    """Pixels and labels of a python batch (a pickle, read without the power to run code)."""
    batch = loads(data, where)
    if not isinstance(batch, dict):
        raise DataError(f"{where} must hold a dict with b'data' and b'labels', but holds {type(batch).__name__}")
    batch = {key.decode("latin-1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
    labels = batch.get("fine_labels", batch.get("labels"))
    pixels = batch.get("data")
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, (list, np.ndarray)):
        raise DataError(
            f"{where} must hold b'data' (an array) and b'labels' (a list), but holds {sorted(map(str, batch))}"
        )
    if pixels.shape != (len(labels), PIXELS):
        wanted = f"({len(labels)}, {PIXELS}) by its labels"
        raise DataError(f"the data of {where} must be {wanted}, but is {pixels.shape}: truncated?")
    limit = 100 if "fine_labels" in batch else 10
    for row, label in enumerate(labels):
        if not isinstance(label, (int, np.integer)) or not 0 <= label < limit:
            raise DataError(f"labels must be whole numbers below {limit}, but row {row + 1} of {where} has {label!r}")
    return pixels, np.asarray(labels, np.uint8)


def _classes(names: tuple[str, ...], y: np.ndarray) -> tuple[str, ...]:
    if names:
        return names
    return tuple(str(one) for one in range(10 if y.max() < 10 else 100))


def _class_names(files: Mapping[str, Callable[[], bytes]]) -> tuple[str, ...]:
    for name in _NAMES:
        if name not in files:
            continue
        data = files[name]()
        if name.endswith(".txt"):
            return tuple(line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip())
        meta = loads(data, name)
        for key in (b"fine_label_names", b"label_names", "fine_label_names", "label_names"):
            if isinstance(meta, dict) and isinstance(meta.get(key), list):
                return tuple(one.decode() if isinstance(one, bytes) else str(one) for one in meta[key])
    return ()


def _stem(name: str) -> str:
    return name.removesuffix(".bin")


def _batches(files: Mapping[str, Any]) -> list[str]:
    """The batches among the files, in order; `train` alone is CIFAR-100's only beside its meta file."""
    found = sorted((name for name in files if _BATCH.fullmatch(name)), key=lambda name: (len(name), name))
    if any(_stem(name).startswith("data_batch") for name in found):
        return [name for name in found if _stem(name).startswith(("data_batch", "test_batch"))]
    return found


@contextmanager
def _files(path: Path) -> Iterator[Mapping[str, Callable[[], bytes]]]:
    """name -> content of the files of a folder or tar, without unpacking it to disk."""
    if path.is_dir():
        yield _in_folder(path)
    elif _BATCH.fullmatch(path.name):
        meta = {name: file for name, file in _in_folder(path.parent).items() if name in _NAMES}
        yield {path.name: path.read_bytes, **meta}
    else:
        try:
            with tarfile.open(path, "r:*") as archive:
                yield {
                    PurePosixPath(info.name).name: lambda info=info: _member(archive, info)
                    for info in archive
                    if info.isfile() and info.size < _LIMIT
                }
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DataError(f"{path} must be a whole tar.gz, but it is truncated or damaged: {error}") from error


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    data = b"" if file is None else file.read()
    if len(data) != info.size:
        raise DataError(f"{info.name} must hold {info.size:,} bytes, but {len(data):,} are there: truncated?")
    return data


def _in_folder(folder: Path) -> dict[str, Callable[[], bytes]]:
    """The files of a folder, or of the cifar-… folder that the archive unpacks to in it."""
    for place in (folder, *sorted(folder.glob("cifar-*"))):
        if place.is_dir():
            files = {file.name: file.read_bytes for file in sorted(place.iterdir()) if file.is_file()}
            if _batches(files):
                return files
    return {}


def _is_tar(path: Path) -> bool:
    try:
        return path.is_file() and tarfile.is_tarfile(path)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False
