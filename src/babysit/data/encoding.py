"""What turns new examples into the same tensors that a model was trained on.

An encoding is plain values, stored with the run, so that `predict` needs nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError


class Examples(NamedTuple):
    """New examples: a name for each (a row's number, a file's name) and x (N, …)."""

    names: list[str]
    x: Tensor


class Encoding(Protocol):
    """What an encoding offers; a source whose examples need more than numbers brings its own."""

    source: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    task: str

    def read(self, place: Any) -> Examples:
        """New examples of a file, a folder or Python objects, with a name for each."""
        ...

    def encode(self, place: Any) -> Tensor:
        """Their tensor alone."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The encoding as plain JSON values; `babysit.data.encoding_from` reads it."""
        ...


@dataclass(frozen=True)
class DenseEncoding:
    """Examples that are numbers already: arrays, IDX, CIFAR, images.

    Attributes:
        source: the source's name.
        shape: (D,) or (C, H, W) of one example.
        dtype: "float32" or "uint8".
        resize: images of another size are resized, as they were for training.

    Examples:
        >>> encoding = DenseEncoding("arrays", (2,), "float32")
        >>> encoding.encode(np.array([[1, 2], [3, 4]]))
        tensor([[1., 2.],
                [3., 4.]])
        >>> DenseEncoding.from_dict(encoding.to_dict()) == encoding
        True
    """

    source: str
    shape: tuple[int, ...]
    dtype: str
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    task: str = "classification"
    resize: int | None = None

    def encode(self, place: Any) -> Tensor:
        """The tensor of new examples: a .npy, .npz, table or image file, a folder of images, an array."""
        return self.read(place).x

    def read(self, place: Any) -> Examples:
        """New examples with a name for each.

        Raises:
            DataError: it can't be read, or its examples have another shape.
        """
        if isinstance(place, str | Path):
            names, x = self._of_file(Path(place))
        else:
            names, x = None, self._of_array(place)
        if tuple(x.shape[1:]) != self.shape:
            raise DataError(f"examples must be of shape {self.shape}, but these are of {tuple(x.shape[1:])}")
        return Examples(names or [str(row + 1) for row in range(len(x))], x.to(getattr(torch, self.dtype)))

    def _of_file(self, path: Path) -> tuple[list[str] | None, Tensor]:
        from .arrays import inputs
        from .columns import SUFFIXES
        from .idx import is_idx, read_idx
        from .images import is_image, new_images
        from .table import numbers_of

        if not path.exists():
            raise DataError(f"there must be a file or folder {path}, but there is none")
        name = path.name.lower()
        if path.is_dir() or is_image(path):
            if len(self.shape) != 3 or self.dtype != "uint8":
                raise DataError(f"the model must have learned from images of bytes to read {path}, but it did not")
            return new_images(path, self.shape, self.resize)
        if name.endswith((".npy", ".npz")):
            return None, self._of_array(inputs(path))
        if name.endswith(SUFFIXES):
            return None, self._of_array(numbers_of(path, self.features, int(np.prod(self.shape))))
        if is_idx(path):
            return None, self._of_array(read_idx(path))
        raise DataError(f"{path} must be a .csv, .tsv, .parquet, .npy, .npz, IDX or image file, or a folder of images")

    def _of_array(self, values: Any) -> Tensor:
        from .dense import examples, refuse_not_finite

        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
        if array.ndim == len(self.shape) and tuple(array.shape) == self.shape and array.ndim > 1:
            array = array[None]
        if array.ndim == 2 and array.shape[1] == np.prod(self.shape):
            array = array.reshape(len(array), *self.shape)
        x = examples(array)
        refuse_not_finite(x)
        if self.dtype == "uint8" and x.dtype != torch.uint8 and ((x < 0) | (x > 255) | (x != x.round())).any():
            raise DataError("the model learned from bytes, so examples must be whole numbers 0..255, but they are not")
        return x

    def to_dict(self) -> dict[str, Any]:
        """The encoding as plain values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DenseEncoding:
        """The encoding that `to_dict` wrote."""
        plain: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in values.items()}
        return cls(**plain)
