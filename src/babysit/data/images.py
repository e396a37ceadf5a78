"""A folder of images: a folder per class, with train/, val/ and test/ above them or not.

All images must have one size, or `resize=` scales the shorter side to it and cuts out the middle
square. Grayscale images alone give one channel, otherwise all are made RGB; what is transparent is
laid on white. Images stay bytes (C, H, W), 0..255. More than fits into memory is decoded per batch.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..record import Recipe
from . import source
from .dense import dense
from .encoding import DenseEncoding
from .split import Split
from .target import Target

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
PARTS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
}  # fmt: skip
DEEP = 4
"""Levels looked through to see whether a folder is one of images: a whole disk is no place to search."""
_GRAY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N")
_TURNED = ("JPEG", "MPO", "TIFF", "WEBP")


def is_image(path: Path) -> bool:
    """Is it an image file, by its name?"""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _recognizes(place: Any) -> bool:
    if not isinstance(place, str) or not Path(place).is_dir():
        return False
    return any(is_image(file) for file in _walk(Path(place), DEEP))


@source(recognizes=_recognizes, reads="a folder per class with images in it", encoding=DenseEncoding)
def images(place: str, recipe: Recipe, *, memory: int) -> Split:
    """An image folder; its own train/, val/ and test/ folders are kept as parts."""
    root = Path(place)
    listed = _listed(root)
    files = [file for part in listed.values() for found in part.values() for file in found]
    classes = tuple(sorted(listed["train"]))
    y, own = _labels(listed, classes, root)
    rows = ImageFiles(files, recipe.resize)
    return dense(
        rows,
        Target.of_ids(y, classes),
        recipe,
        name="images",
        source=f"{place}: {len(files):,} images in {len(classes)} classes, as {rows.shape[2]} x {rows.shape[3]}",
        memory=memory,
        own=own if len(listed) > 1 else None,
        resize=recipe.resize,
    )


class _Head(NamedTuple):
    size: tuple[int, int]
    gray: bool
    turn: int


class ImageFiles:
    """Image files as rows: decoded when asked for, by a pool of threads.

    Args:
        files: N paths.
        resize: side that images are scaled to; None where all must have one size.
        shape: (C, H, W) to hold to; found from the files' heads without it.

    Raises:
        DataError: a file that is no image (named), or sizes that differ without `resize`.
    """

    dtype = torch.uint8

    def __init__(self, files: list[Path], resize: int | None, shape: tuple[int, ...] | None = None) -> None:
        self.files, self.resize = files, resize
        heads = [_head(file) for file in files]
        if shape is None:
            shape = (1 if all(head.gray for head in heads) else 3, *_one_size(heads, files, resize))
        elif resize is None:
            _hold_to(shape, heads, files)
        self._turns = [head.turn for head in heads]
        self._mode = "L" if shape[0] == 1 else "RGB"
        self.shape = (len(files), *shape)
        self._pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="babysit-images")

    def __getitem__(self, index: np.ndarray) -> Tensor:
        out = np.empty((len(index), *self.shape[1:]), np.uint8)
        for _ in self._pool.map(self._decode, index.tolist(), out):
            pass
        return torch.from_numpy(out)

    def _decode(self, row: int, out: np.ndarray) -> None:
        pixels = _pixels(self.files[row], self._mode, self._turns[row], self.resize)
        if pixels.shape != out.shape:
            raise DataError(
                f"{self.files[row]} must be {out.shape}, but is {pixels.shape}: changed since it was listed?"
            )
        out[:] = pixels


def new_images(place: Path, shape: tuple[int, ...], resize: int | None) -> tuple[list[str], Tensor]:
    """Names and pixels (N, C, H, W) of an image, or of all in a folder, shaped as in training."""
    files = [place] if place.is_file() else sorted(file for file in _walk(place) if is_image(file))
    if not files:
        raise DataError(f"the folder {place} must hold images ({', '.join(SUFFIXES)}), but it holds none")
    names = [place.name] if place.is_file() else [file.relative_to(place).as_posix() for file in files]
    return names, ImageFiles(files, resize, shape)[np.arange(len(files))]


def _listed(root: Path) -> dict[str, dict[str, list[Path]]]:
    """part -> class -> files."""
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    loose = [entry for entry in root.iterdir() if is_image(entry)]
    if loose:
        raise DataError(f"images must lie in one folder per class, but {min(loose)} lies directly in {root}")
    parts = {PARTS[folder.name.lower()]: folder for folder in folders if folder.name.lower() in PARTS}
    if "train" not in parts or any(is_image(entry) for entry in parts["train"].iterdir()):  # a class of trains
        return {"train": _classes(root)}
    return {part: _classes(parts[part]) for part in ("train", "val", "test") if part in parts}


def _classes(folder: Path) -> dict[str, list[Path]]:
    found = {}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            found[entry.name] = sorted(file for file in _walk(entry) if is_image(file))
            if not found[entry.name]:
                raise DataError(f"the class folder {entry} must hold images ({', '.join(SUFFIXES)}), but it holds none")
    if not found:
        raise DataError(f"{folder} must hold one folder per class, but it holds none")
    return found


def _labels(listed: Any, classes: tuple[str, ...], root: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    ids = {name: number for number, name in enumerate(classes)}
    y: list[int] = []
    own = {}
    for part, found in listed.items():
        start = len(y)
        for name, files in found.items():
            if name not in ids:
                raise DataError(f"every class must be in train, but {name!r} is only in {part} of {root}")
            y.extend([ids[name]] * len(files))
        own[part] = np.arange(start, len(y))
    return np.array(y, np.int64), own


def _walk(folder: Path, deep: int = 1 << 30) -> Any:
    """The files below a folder in order, hidden folders and those more than `deep` levels down left out."""
    for at, inner, files in os.walk(folder):
        further = len(Path(at).relative_to(folder).parts) < deep
        inner[:] = sorted(name for name in inner if further and not name.startswith("."))
        yield from (Path(at, name) for name in sorted(files))


def _one_size(heads: list[_Head], files: list[Path], resize: int | None) -> tuple[int, int]:
    if resize is not None:
        return resize, resize
    sizes = Counter(head.size for head in heads)
    (width, height), _ = sizes.most_common(1)[0]
    if len(sizes) > 1:
        row = next(row for row, head in enumerate(heads) if head.size != (width, height))
        other = "{} x {}".format(*heads[row].size)
        raise DataError(
            f"images must have one size, but most are {width} x {height} and {files[row]} is {other}; "
            f"resize={min(width, height)} makes them one size"
        )
    return height, width


def _hold_to(shape: tuple[int, ...], heads: list[_Head], files: list[Path]) -> None:
    for file, head in zip(files, heads, strict=True):
        if head.size != (shape[2], shape[1]):
            wanted = f"{shape[2]} x {shape[1]} as in training"
            raise DataError(f"images must be {wanted}, but {file} is {head.size[0]} x {head.size[1]}")


def _head(file: Path) -> _Head:
    """Size (W, H) as it is to be seen, grayscale or not, and the turn that EXIF asks for."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd EXIF and very large images: judged here, not on stderr
        try:
            with Image.open(file) as image:
                turn = image.getexif().get(0x0112, 1) if image.format in _TURNED else 1
                width, height = image.size
                size = (height, width) if turn in (5, 6, 7, 8) else (width, height)
                mode = image.mode
        except Exception as error:  # Pillow's readers fail in many ways on damaged bytes
            raise _corrupt(file, error) from error
    if mode == "F":
        raise DataError(f"images must have whole-number pixels, but {file} has floats; save it with 8 bits")
    return _Head(size, mode in _GRAY, turn)


def _pixels(file: Path, mode: str, turn: int, resize: int | None) -> np.ndarray:
    """(C, H, W) uint8."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            image.load()
            flat = _flat(image, mode)
        if turn in _TURNS:
            flat = flat.transpose(getattr(Image.Transpose, _TURNS[turn]))
        if resize is not None:
            flat = ImageOps.fit(flat, (resize, resize), Image.Resampling.BILINEAR)
        pixels = np.asarray(flat)
    except Exception as error:
        raise _corrupt(file, error) from error
    return pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)


_TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
    8: "ROTATE_90",
}  # fmt: skip


def _flat(image: Any, mode: str) -> Any:
    """The image in `mode`, 16-bit gray scaled to 8, transparency laid on white."""
    from PIL import Image

    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64)
        return Image.fromarray((np.clip(deep, 0, 65535) >> 8).astype(np.uint8)).convert(mode)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def _corrupt(file: Path, error: BaseException) -> DataError:
    why = "it is empty" if file.is_file() and file.stat().st_size == 0 else str(error) or type(error).__name__
    return DataError(f"{file} must be an image that can be read, but it is corrupt: {why}; mend or remove it")
