"""Arrays as examples: layout, type, finiteness; shared by every source that has arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..record import Recipe
from .encoding import DenseEncoding
from .part import Chosen, Mapped, Part, Rows
from .scratch import Array
from .split import Split, cut
from .target import Target

CHUNK = 1 << 24
"""Bytes looked at in one go."""
CHANNELS = (1, 3, 4)


def dense(
    x: Array | Tensor | Rows,
    target: Target,
    recipe: Recipe,
    *,
    name: str,
    source: str,
    memory: int,
    own: Mapping[str, np.ndarray] | None = None,
    features: tuple[str, ...] = (),
    resize: int | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Split:
    """A Split of examples that are numbers already.

    Args:
        x: (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C); a memory map or `Rows` stay lazy when
            they are larger than `memory`.
        name: the source's own name; `source`: what was read, in one line.
        own: row numbers of the parts that the source brings itself.

    Raises:
        DataError: a shape or type that can't be, NaN or infinity, too few examples.
    """
    if len(x.shape) and x.shape[0] != len(target.y):
        raise DataError(f"there must be a target for each example, but there are {x.shape[0]} and {len(target.y)}")
    rows = _as_rows(x, memory)
    refuse_not_finite(rows)
    y = torch.from_numpy(target.y)
    parts = {}
    for part, index in cut(target.y, recipe, target.classes, own).items():
        chosen = rows[torch.from_numpy(index)] if isinstance(rows, Tensor) else Chosen(rows, index)
        parts[part] = Part(chosen, y[torch.from_numpy(index)], index)
    encoding = DenseEncoding(
        source=name,
        shape=tuple(rows.shape[1:]),
        dtype=str(rows.dtype).removeprefix("torch."),
        features=features,
        classes=target.classes,
        task=target.task,
        resize=resize,
    )
    return Split(
        **parts, task=target.task, classes=target.classes, features=features, source=source, encoding=encoding,
        notes={"missing": 0, **(notes or {})},
    )  # fmt: skip


def _as_rows(x: Array | Tensor | Rows, memory: int) -> Tensor | Rows:
    if isinstance(x, Tensor):
        return examples(x.detach().cpu().numpy())
    if isinstance(x, np.ndarray):
        layout = layout_of(x)
        size = x.size * (1 if x.dtype == np.uint8 and layout != "flat" else 4)
        if isinstance(x, np.memmap) and size > memory:
            return Mapped(x, partial(examples, layout=layout))
        return examples(x, layout)
    size = int(np.prod(x.shape)) * x.dtype.itemsize
    return x if size > memory or getattr(x, "changing", False) else x[np.arange(x.shape[0])]


def layout_of(array: Array) -> str:
    """How an array holds its examples: "flat", "gray" (N, H, W), "chw" or "hwc"."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"examples must be numbers, but the array's type is {array.dtype}")
    if 0 in array.shape:
        raise DataError(f"there must be examples with values, but the array's shape is {array.shape}")
    match array.ndim:
        case 1 | 2:
            return "flat"
        case 3:
            return "gray"
        case 4:
            return "hwc" if array.shape[3] in CHANNELS and array.shape[1] not in CHANNELS else "chw"
    raise DataError(f"examples must be (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C), but the shape is {array.shape}")


def examples(array: Array, layout: str | None = None) -> Tensor:
    """(N, D) float32 or (N, C, H, W) from an array; images of bytes stay bytes, the rest is float32."""
    layout = layout or layout_of(array)
    if layout == "flat" or array.dtype != np.uint8:
        with np.errstate(over="ignore"):  # too large becomes infinite, which is refused with its place
            array = array.astype(np.float32)
    if layout == "flat":
        array = array.reshape(len(array), -1)
    elif layout == "gray":
        array = array[:, None]
    elif layout == "hwc":
        array = array.transpose(0, 3, 1, 2)
    array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def refuse_not_finite(rows: Tensor | Rows) -> None:
    """Raise DataError at the first NaN or infinity, naming row and column."""
    if not rows.dtype.is_floating_point:
        return
    count = rows.shape[0]
    step = max(1, CHUNK // (4 * max(1, int(np.prod(rows.shape[1:])))))
    for start in range(0, count, step):
        stop = min(start + step, count)
        block = rows[start:stop] if isinstance(rows, Tensor) else rows[np.arange(start, stop)]
        if not torch.isfinite(block).all():
            place = torch.nonzero(~torch.isfinite(block))[0].tolist()
            value = float(block[tuple(place)])
            where = f"column {place[1] + 1}" if len(place) == 2 else f"place {tuple(place[1:])}"
            raise DataError(
                f"examples must be finite (in float32), but row {start + place[0] + 1}, {where} is {value}; "
                "replace or remove it first"
            )
