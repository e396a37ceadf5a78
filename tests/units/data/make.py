"""Small data in real formats: CIFAR, IDX, image folders, tables.

The images have something to learn: each class is a bright square at its own place, in noise.
"""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

IDX_TYPES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def pictures(
    count: int, classes: int = 10, shape: tuple[int, int, int] = (3, 32, 32), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(N, C, H, W) uint8 and (N,) labels, learnable; each run of `classes` rows has each class once."""
    draw = np.random.default_rng(seed)
    rounds = [draw.permutation(classes) for _ in range(-(-count // classes))]
    y = np.concatenate(rounds)[:count]
    x = draw.integers(0, 96, (count, *shape), dtype=np.uint8)
    side = int(np.ceil(np.sqrt(classes)))
    high, wide = shape[1] // side, shape[2] // side
    for row, label in enumerate(y):
        top, left = int(label) // side * high, int(label) % side * wide
        x[row, :, top : top + high, left : left + wide] += 128
    return x, y


def cifar_binary(x: np.ndarray, y: np.ndarray, coarse: np.ndarray | None = None) -> bytes:
    """A binary batch: label byte(s), then 3072 pixels, per record."""
    labels = [y] if coarse is None else [coarse, y]
    return np.concatenate(
        [*(np.asarray(one, np.uint8)[:, None] for one in labels), x.reshape(len(x), -1)], axis=1
    ).tobytes()


def cifar_python(x: np.ndarray, y: np.ndarray, *, protocol: int = 2, fine: bool = False) -> bytes:
    """A python batch, with the keys of the downloaded ones."""
    labels = {b"fine_labels" if fine else b"labels": [int(one) for one in y]}
    names = {b"batch_label": b"testing batch 1 of 1", b"filenames": [b"image_%d.png" % row for row in range(len(y))]}
    return pickle.dumps({**names, **labels, b"data": x.reshape(len(x), -1)}, protocol=protocol)


def cifar_files(kind: str, count: int = 200, seed: int = 0) -> dict[str, bytes]:
    """The files of a CIFAR folder: kind is "10-python", "10-binary", "100-python" or "100-binary"."""
    number, form = kind.split("-")
    classes = int(number)
    x, y = pictures(count, classes, seed=seed)
    test = slice(0, max(classes, count // 5))
    rest = np.array_split(np.arange(test.stop, count), 2 if number == "10" else 1)
    train_names = ["data_batch_1", "data_batch_2"] if number == "10" else ["train"]
    pairs = {"test_batch" if number == "10" else "test": (x[test], y[test])}
    pairs |= {name: (x[rows], y[rows]) for name, rows in zip(train_names, rest, strict=True)}
    names = [f"class {label}" for label in range(classes)]
    if form == "binary":
        coarse = (lambda y: y // 5) if number == "100" else (lambda y: None)
        files = {f"{name}.bin": cifar_binary(a, b, coarse(b)) for name, (a, b) in pairs.items()}
        files["batches.meta.txt" if number == "10" else "fine_label_names.txt"] = "\n".join(names).encode()
        return files
    files = {name: cifar_python(a, b, fine=number == "100") for name, (a, b) in pairs.items()}
    key = b"label_names" if number == "10" else b"fine_label_names"
    files["batches.meta" if number == "10" else "meta"] = pickle.dumps({key: [one.encode() for one in names]}, 2)
    return files


def cifar(folder: Path, kind: str = "10-python", count: int = 200, *, tar: bool = False, seed: int = 0) -> Path:
    """A CIFAR folder, or a tar.gz named as the downloaded one; gives its path."""
    files = cifar_files(kind, count, seed)
    number, form = kind.split("-")
    inside = f"cifar-{number}-batches-{'py' if form == 'python' else 'bin'}"
    if not tar:
        for name, data in files.items():
            write(folder / inside / name, data)
        return folder / inside
    path = folder / f"cifar-{kind}.tar.gz"
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{inside}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def idx_bytes(array: np.ndarray) -> bytes:
    """An array as an IDX file."""
    kind = np.dtype(array.dtype).newbyteorder(">")
    code = IDX_TYPES[kind.str[1:]]
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(kind).tobytes()


def idx(folder: Path, count: int = 120, *, test: int = 40, zipped: bool = False, seed: int = 0) -> Path:
    """A folder of MNIST's four files, 28 x 28; two files when test is 0."""
    x, y = pictures(count + test, shape=(1, 28, 28), seed=seed)
    parts = {"train": slice(0, count)} | ({"t10k": slice(count, None)} if test else {})
    for name, rows in parts.items():
        for kind, array in (("images-idx3", x[rows, 0]), ("labels-idx1", y[rows].astype(np.uint8))):
            data = idx_bytes(array)
            path = folder / f"{name}-{kind}-ubyte{'.gz' if zipped else ''}"
            write(path, gzip.compress(data, 1) if zipped else data)
    return folder


def image_folder(
    folder: Path, count: int = 60, classes: int = 3, *, shape: tuple[int, int, int] = (3, 16, 16),
    parts: tuple[str, ...] = (), seed: int = 0,
) -> Path:  # fmt: skip
    """A folder per class of PNG files; within each of `parts` when there are some."""
    from PIL import Image

    x, y = pictures(count, classes, shape, seed)
    for row in range(count):
        pixels = x[row, 0] if shape[0] == 1 else x[row].transpose(1, 2, 0)
        at = folder / parts[row // classes % len(parts)] if parts else folder
        at = at / f"class{y[row]}"
        at.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(at / f"{row:04}.png")
    return folder


def csv(path: Path, columns: dict[str, Any], delimiter: str = ",") -> Path:
    """A CSV file of columns; None is an empty cell."""
    rows = zip(*columns.values(), strict=True)
    lines = [delimiter.join(columns)]
    lines += [delimiter.join("" if cell is None else str(cell) for cell in row) for row in rows]
    return write(path, ("\n".join(lines) + "\n").encode())


def flowers(path: Path, count: int = 90, seed: int = 0) -> Path:
    """A learnable CSV with numbers, a category, a truth value and text classes: target=kind."""
    draw = np.random.default_rng(seed)
    y = np.arange(count) % 3
    return csv(path, {
        "length": np.round(y + draw.normal(0, 0.3, count), 3),
        "width": np.round(draw.normal(0, 1, count), 3),
        "colour": np.array(["red", "white", "blue"])[(y + (draw.random(count) < 0.1)) % 3],
        "wild": np.where(draw.random(count) < 0.5, "true", "false"),
        "kind": np.array(["aster", "bellis", "crocus"])[y],
    })  # fmt: skip


def write(path: Path, data: bytes) -> Path:
    """The bytes as a file, folders made; gives the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
