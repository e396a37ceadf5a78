"""The first pass over a table: what each column is, what is missing, what the target holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import DataError
from ..record import Recipe
from .columns import Cells, Table, is_date, type_trouble

Kind = Literal["number", "truth", "category"]
TRUTH = {"true": 1.0, "false": 0.0}
MANY = 1000
"""Most categories of a column."""


class Seen:
    """What all cells of one column say about what it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = self.missing = self.numbers = self.truths = self.dates = 0
        self.texts: Counter[str] = Counter()
        self.first_wrong: tuple[int, str] | None = None
        self.first_infinite: int | None = None
        self.boolean = False

    def add(self, cells: Cells, start: int, boolean: bool) -> None:
        """Count one block's cells; its first row has the number `start`."""
        present = ~cells.missing
        self.rows += len(present)
        self.missing += int(cells.missing.sum())
        self.numbers += int((present & ~cells.wrong).sum())
        infinite = np.isinf(cells.numbers) | (np.abs(cells.numbers) > np.finfo(np.float32).max)
        if infinite.any() and self.first_infinite is None:
            self.first_infinite = start + int(np.argmax(infinite)) + 1
        self.boolean |= boolean
        if cells.wrong.any():
            self._add_texts(cells, start)

    def _add_texts(self, cells: Cells, start: int) -> None:
        import pyarrow as pa

        wrong = cells.texts.filter(pa.array(cells.wrong))
        if self.first_wrong is None:
            self.first_wrong = start + int(np.argmax(cells.wrong)) + 1, wrong[0].as_py()
        self.dates += int(is_date(wrong).sum())
        counts = wrong.value_counts()
        for text, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True):
            if len(self.texts) <= MANY or text in self.texts:
                self.texts[text] += count
            self.truths += count if text.lower() in TRUTH else 0

    def kind(self, place: Any) -> Kind:
        """What the column is. Raises DataError when it can't be learned from."""
        present = self.rows - self.missing
        if present == 0:
            raise DataError(f"column {self.name!r} of {place} must have values, but all are missing; remove it")
        if self.numbers == present:
            if self.first_infinite is not None:
                where = f"row {self.first_infinite}, column {self.name!r}"
                raise DataError(f"numbers must be finite (in float32), but {where} of {place} is infinite or too large")
            return "truth" if self.boolean else "number"
        assert self.first_wrong is not None
        row, text = self.first_wrong
        if self.dates >= 0.9 * present:
            raise refused(self.name, place, f"dates or times ({text!r} in row {row})")
        if self.truths == present:
            return "truth"
        mostly = self.numbers >= 0.9 * present or (self.numbers >= 0.5 * present and len(self.texts) > 20)
        if mostly:
            raise DataError(
                f"column {self.name!r} of {place} holds numbers, but row {row} has {text[:40]!r}: a number must be there, "
                "or an empty cell with missing=mean or missing=drop"
            )
        if len(self.texts) > MANY or (len(self.texts) > 20 and len(self.texts) > present / 2):
            many = f"more than {MANY:,}" if len(self.texts) > MANY else f"{len(self.texts)}"
            raise DataError(
                f"column {self.name!r} of {place} must have few different texts, but it has {many} in {self.rows:,} rows "
                f"({text[:40]!r} in row {row}): nothing to learn from; remove the column"
            )
        return "category"


def refused(name: str, place: Any, what: str) -> DataError:
    way = "make numbers of it (days since, hour of day) or remove the column"
    return DataError(
        f"columns must hold numbers, truth values or categories, but {name!r} of {place} holds {what}; {way}"
    )


@dataclass
class Survey:
    """What the first pass found.

    Attributes:
        kinds: of each input column.
        seen: the counts of each column, the target too.
        missing: (N,) bool, rows with a missing input; `label_missing`: rows without a target.
        labels: the target's values, block by block.
        first_missing: the first row (from 1) with a missing cell, by column.
    """

    kinds: dict[str, Kind]
    seen: dict[str, Seen]
    missing: np.ndarray
    labels: list[Any]
    label_missing: np.ndarray
    first_missing: dict[str, int]

    def kept(self, recipe: Recipe, found: Table) -> np.ndarray:
        """(N,) bool: the rows to learn from, by the recipe's `missing`."""
        gone = {name: seen.missing for name, seen in self.seen.items() if seen.missing}
        if recipe.missing == "error" and gone:
            name = min(gone, key=lambda one: self.first_missing[one])
            total = f"{sum(gone.values())} missing in {len(gone)} of {len(self.seen)} columns"
            raise DataError(
                is_missing(found, name, self.first_missing[name], f"{total}; use missing=mean or missing=drop")
            )
        if recipe.missing != "drop" and self.label_missing.any():
            row = int(np.argmax(self.label_missing)) + 1
            count = f"{int(self.label_missing.sum())} targets are missing; missing=drop leaves such rows out"
            raise DataError(is_missing(found, str(recipe.target), row, count))
        if recipe.missing == "drop":
            kept = ~(self.missing | self.label_missing)
            if not kept.any():
                raise DataError(
                    f"{found.place} must have a row without missing values, but all {len(kept):,} have some"
                )
            return kept
        return np.ones(len(self.missing), bool)

    def target(self, kept: np.ndarray) -> np.ndarray:
        """The target's values in the kept rows: numbers, truth values or text."""
        return np.concatenate(self.labels)[kept]


def is_missing(found: Table, name: str, row: int, more: str) -> str:
    return f"cells must have values, but row {row}, column {name!r} of {found.place} is missing ({more})"


def survey(found: Table, recipe: Recipe) -> Survey:
    """The first pass: what each column is, what is missing, the target's values."""
    target = str(recipe.target)
    seen = {name: Seen(name) for name in found.names}
    first: dict[str, int] = {}
    missing, labels, label_missing, start = [], [], [], 0
    for block in found.blocks():
        gone = np.zeros(block.num_rows, bool)
        for position, name in enumerate(found.names):
            kind = block.schema.field(position).type
            if trouble := type_trouble(kind):
                raise refused(name, found.place, trouble)
            cells = found.cells(block, name)
            seen[name].add(cells, start, str(kind) == "bool")
            if cells.missing.any():
                first.setdefault(name, start + int(np.argmax(cells.missing)) + 1)
            if name == target:
                labels.append(cells)
                label_missing.append(cells.missing)
            else:
                gone |= cells.missing
        missing.append(gone)
        start += block.num_rows
    if not start:
        raise DataError(f"{found.place} must have rows, but it has only column names")
    values = [_label_values(cells, seen[target]) for cells in labels]
    label_seen = seen.pop(target)
    kinds: dict[str, Kind] = {name: one.kind(found.place) for name, one in seen.items()}
    _label_must_be(label_seen, found.place)
    return Survey(
        kinds, {**seen, target: label_seen}, np.concatenate(missing), values, np.concatenate(label_missing), first
    )


def _label_must_be(seen: Seen, place: Any) -> None:
    """The target may be any text, but not dates or numbers with a slip of the pen."""
    if seen.numbers == seen.rows - seen.missing or seen.numbers >= 0.9 * (seen.rows - seen.missing) or seen.dates:
        seen.kind(place)


def _label_values(cells: Cells, seen: Seen) -> np.ndarray:
    present = seen.rows - seen.missing
    if seen.numbers == present:
        return (cells.numbers > 0) & ~cells.missing if seen.boolean else cells.numbers
    texts = np.array(["" if text is None else text for text in cells.texts.to_pylist()], object)
    if seen.truths == present:
        return np.array([TRUTH.get(text.lower(), 0.0) > 0 for text in texts])
    return texts
