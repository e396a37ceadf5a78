"""Tables: CSV, TSV and Parquet. Numbers stay numbers, truth values become 0 and 1, text becomes one-hot.

What a column is, is decided from all its cells: numbers when all that is present is a number; text
where numbers must be is an error that names row and column. The means and categories are learned on
train alone, and stored with the run. A category that train has not seen is all zeros.
Missing values: `missing=error` names the first; `mean` puts the mean of train there (for a category
its shares in train, which is the mean of its one-hot columns); `drop` leaves such rows out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, RecipeError, did_you_mean
from ..record import Recipe
from . import source
from .columns import SUFFIXES, Cells, Table, compute
from .encoding import Examples
from .part import Chosen, Mapped, Part
from .scratch import room
from .split import Split, cut
from .survey import TRUTH, Kind, Survey, is_missing, survey
from .target import Target, read_target


@dataclass
class Column:
    """How one column becomes numbers: what was learned of it on train.

    Attributes:
        mean: of the numbers in train (of 0 and 1 for truth values).
        categories: the texts seen in train, sorted, with their `shares` there.
    """

    name: str
    kind: Kind
    mean: float = 0.0
    categories: list[str] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Input columns that it becomes."""
        return len(self.categories) if self.kind == "category" else 1

    @property
    def features(self) -> list[str]:
        """Their names."""
        return [f"{self.name}={one}" for one in self.categories] if self.kind == "category" else [self.name]


@dataclass(frozen=True)
class TableEncoding:
    """How a row becomes a vector: columns with their means and categories, learned on train.

    Attributes:
        source: always "table".
        target: the column that was predicted; ignored in new tables.
        missing: what to do about missing cells: "mean" fills them, otherwise they are an error.
    """

    target: str
    columns: tuple[Column, ...]
    missing: str
    classes: tuple[str, ...]
    task: str
    source: str = "table"

    @property
    def shape(self) -> tuple[int, ...]:
        """(D,), the input columns after one-hot."""
        return (sum(column.width for column in self.columns),)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the D input columns."""
        return tuple(name for column in self.columns for name in column.features)

    def encode(self, place: Any) -> Tensor:
        """(N, D) float32 of a table file, an Arrow table, a frame or a mapping of columns."""
        return self.read(place).x

    def read(self, place: Any) -> Examples:
        """New rows, named by their number.

        Raises:
            DataError: a column is missing, a cell is missing or no number.
        """
        if isinstance(place, str | Path) and not Path(place).is_file():
            raise DataError(f"there must be a table file {place}, but there is none")
        table = Table(place)
        for column in self.columns:
            if column.name not in table.names:
                hint = did_you_mean(column.name, table.names)
                raise DataError(f"{table.place} must have the column {column.name!r} of training, but has not{hint}")
        blocks, start = [], 0
        for block in table.blocks():
            blocks.append(self.fill(table, block, start))
            start += block.num_rows
        if not blocks:
            raise DataError(f"{table.place} must have rows, but it has only column names")
        x = torch.from_numpy(np.concatenate(blocks))
        return Examples([str(row + 1) for row in range(len(x))], x)

    def fill(self, table: Table, block: Any, start: int) -> np.ndarray:
        """(n, D) float32 of one block whose first row has the number `start`."""
        out = np.zeros((block.num_rows, *self.shape), np.float32)
        at = 0
        for column in self.columns:
            cells = table.cells(block, column.name)
            if self.missing != "mean" and cells.missing.any():
                row = start + int(np.argmax(cells.missing)) + 1
                raise DataError(is_missing(table, column.name, row, "the model was trained without missing values"))
            _fill_column(out[:, at : at + column.width], column, cells, table, start)
            at += column.width
        return out

    def to_dict(self) -> dict[str, Any]:
        """The encoding as plain values."""
        values = asdict(self)
        return {**values, "columns": list(values["columns"]), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TableEncoding:
        """The encoding that `to_dict` wrote."""
        columns = tuple(Column(**column) for column in values["columns"])
        return cls(**{**values, "columns": columns, "classes": tuple(values["classes"])})


def _recognizes(place: Any) -> bool:
    if not isinstance(place, str) or not Path(place).is_file():
        return False
    if place.lower().endswith(SUFFIXES):
        return True
    with open(place, "rb") as file:
        return file.read(4) == b"PAR1"


@source(recognizes=_recognizes, reads=".csv, .tsv (also .gz) and .parquet, with target=", encoding=TableEncoding)
def table(place: str, recipe: Recipe, *, memory: int) -> Split:
    """A table file; `target=` names the column to predict."""
    found = Table(place)
    _target_must_be(found, recipe.target)
    if found.size() * 4 < memory:
        found.keep()
    surveyed = survey(found, recipe)
    kept = surveyed.kept(recipe, found)
    target = read_target(surveyed.target(kept), recipe, name=f"the target {recipe.target!r}")
    parts = cut(target.y, recipe, target.classes)
    in_train = np.zeros(len(kept), bool)
    in_train[np.flatnonzero(kept)[parts["train"]]] = True
    columns = _fit(found, surveyed.kinds, in_train)
    encoding = TableEncoding(str(recipe.target), columns, recipe.missing, target.classes, target.task)
    return _split(found, encoding, kept, target, parts, surveyed, memory)


def numbers_of(path: Path, features: tuple[str, ...], width: int) -> np.ndarray:
    """(N, D) of a table whose columns are numbers: those named in `features`, else all `width` of them."""
    found = Table(path)
    names = list(features) if features and set(features) <= set(found.names) else found.names
    if len(names) != width:
        wanted = f"the columns {', '.join(features)}" if features else f"{width} columns"
        raise DataError(f"{path} must have {wanted}, but it has {len(found.names)}: {', '.join(found.names)[:200]}")
    columns = tuple(Column(name, "number") for name in names)
    return TableEncoding("", columns, "error", (), "regression").encode(path).numpy()


def _target_must_be(found: Table, target: str | None) -> None:
    if target is None:
        names = ", ".join(found.names)
        raise RecipeError(f"target= must name the column of {found.place} to predict; there are: {names}")
    if target not in found.names:
        raise DataError(f"target={target} must be a column of {found.place}{did_you_mean(target, found.names)}")
    if len(found.names) < 2:
        raise DataError(f"{found.place} must have columns to learn from, but it has only the target {target!r}")


def _fit(found: Table, kinds: dict[str, Kind], in_train: np.ndarray) -> tuple[Column, ...]:
    """The second pass: means and categories, from the rows of train alone."""
    sums = dict.fromkeys(kinds, 0.0)
    counts = dict.fromkeys(kinds, 0)
    texts: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    for block, here in _with_rows(found, in_train):
        for name, kind in kinds.items():
            cells = found.cells(block, name)
            chosen = here & ~cells.missing
            counts[name] += int(chosen.sum())
            if kind == "category":
                texts[name].update(_counts(cells, chosen))
            else:
                sums[name] += float(_as_numbers(cells, kind)[chosen].sum())
    for name, count in counts.items():
        if not count:
            raise DataError(f"column {name!r} of {found.place} must have values in train, but all are missing there")
    return tuple(_column(name, kind, sums[name], counts[name], texts[name]) for name, kind in kinds.items())


def _column(name: str, kind: Kind, total: float, count: int, texts: Counter[str]) -> Column:
    if kind != "category":
        return Column(name, kind, total / count)
    categories = sorted(texts)
    return Column(name, kind, 0.0, categories, [texts[one] / count for one in categories])


def _split(
    found: Table, encoding: TableEncoding, kept: np.ndarray, target: Target, parts: dict[str, np.ndarray],
    surveyed: Survey, memory: int,
) -> Split:  # fmt: skip
    """The third pass: all kept rows as numbers, in memory or mapped from a scratch file."""
    import pyarrow as pa

    x, start = room((int(kept.sum()), *encoding.shape), np.float32, memory), 0
    for block, here in _with_rows(found, kept):
        rows = encoding.fill(found, block.filter(pa.array(here)), start)
        x[start : start + len(rows)] = rows
        start += len(rows)
    y, original = torch.from_numpy(target.y), np.flatnonzero(kept)
    made = {}
    for name, index in parts.items():
        rows = Chosen(Mapped(x), index) if isinstance(x, np.memmap) else torch.from_numpy(x[index])
        made[name] = Part(rows, y[torch.from_numpy(index)], original[index])
    missing = {name: seen.missing for name, seen in surveyed.seen.items() if seen.missing}
    notes = {"missing": sum(missing.values()), "missing_by_column": missing, "dropped": int((~kept).sum())}
    return Split(
        **made, task=target.task, classes=target.classes, features=encoding.features, encoding=encoding, notes=notes,
        source=f"{found.place}: {len(x):,} rows, {len(encoding.columns)} columns, target {encoding.target!r}",
    )  # fmt: skip


def _with_rows(found: Table, mask: np.ndarray) -> Iterator[tuple[Any, np.ndarray]]:
    """Each block with its rows' part of a mask over all rows."""
    start = 0
    for block in found.blocks():
        yield block, mask[start : start + block.num_rows]
        start += block.num_rows


def _fill_column(out: np.ndarray, column: Column, cells: Cells, found: Table, start: int) -> None:
    if column.kind == "category":
        ids = _ids(cells, column.categories)
        hit = np.flatnonzero((ids >= 0) & ~cells.missing)
        out[hit, ids[hit]] = 1
        out[cells.missing] = column.shares
        return
    numbers = _as_numbers(cells, column.kind)
    bad = ~cells.missing & ~(np.abs(numbers) <= np.finfo(np.float32).max)
    if bad.any():
        row = int(np.argmax(bad))
        got = repr(cells.texts[row].as_py()[:40]) if cells.texts is not None else f"{numbers[row]}"
        where = f"row {start + row + 1} has {got}"
        raise DataError(f"column {column.name!r} of {found.place} must hold finite numbers, but {where}")
    out[:, 0] = np.where(cells.missing, column.mean, numbers)


def _as_numbers(cells: Cells, kind: Kind) -> np.ndarray:
    """The numbers; of truth values in words, 0 and 1."""
    if kind != "truth" or cells.texts is None or not cells.wrong.any():
        return cells.numbers
    words = _counts(cells, cells.wrong)
    ids = _ids(cells, list(words))
    values = np.array([TRUTH.get(word.lower(), np.nan) for word in words])
    return np.where(cells.wrong, values[ids], cells.numbers)


def _counts(cells: Cells, which: np.ndarray) -> dict[str, int]:
    """How often each text is there in the rows chosen by a mask."""
    import pyarrow as pa

    counts = _texts(cells).filter(pa.array(which)).value_counts()
    return dict(zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True))


def _ids(cells: Cells, words: list[str]) -> np.ndarray:
    """(n,) the place of each cell's text in `words`, -1 where it is none of them."""
    import pyarrow as pa

    found = compute().index_in(_texts(cells), pa.array(words, pa.string()))
    return compute().fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _texts(cells: Cells) -> Any:
    """The cells as text; a number in a column of categories is its plain writing."""
    import pyarrow as pa

    return (
        cells.texts if cells.texts is not None else pa.array([f"{number:g}" for number in cells.numbers], pa.string())
    )
