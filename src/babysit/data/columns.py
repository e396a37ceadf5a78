"""Tables as blocks of columns: CSV, TSV and Parquet, read from front to back, never whole."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError

SUFFIXES = (".csv", ".tsv", ".parquet", ".csv.gz", ".tsv.gz", ".txt", ".tab", ".pq")
MISSING = (
    "",
    "NA",
    "N/A",
    "n/a",
    "na",
    "NaN",
    "nan",
    "NAN",
    "null",
    "NULL",
    "Null",
    "None",
    "none",
    "?",
    "#N/A",
    "<NA>",
)
BLOCK = 1 << 23
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?([iI]nf|[iI]nfinity|INF)$"
_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$"


class Cells(NamedTuple):
    """One column of one block.

    Attributes:
        numbers: (n,) float64, NaN where the cell is missing or no number.
        missing: (n,) bool.
        wrong: (n,) bool, neither missing nor a number.
        texts: the cells as trimmed text (an Arrow array), None where the column's type is a number.
    """

    numbers: np.ndarray
    missing: np.ndarray
    wrong: np.ndarray
    texts: Any


class Table:
    """A table file, or an Arrow table, to be read in blocks as often as needed.

    Attributes:
        names: the column names in order.

    Raises:
        DataError: not readable as a table; names the file, row and column at fault.
    """

    def __init__(self, place: Any) -> None:
        self.place = place if isinstance(place, str | Path) else "the table"
        self._kept: list[Any] | None = None
        self.comma = False
        if not isinstance(place, str | Path):
            self._batches = _arrow(place).to_batches
            self.names = list(_arrow(place).column_names)
        elif _is_parquet(Path(place)):
            self._open_parquet(Path(place))
        else:
            self._open_csv(Path(place))
        self._check_names()

    def blocks(self) -> Iterator[Any]:
        """The table as Arrow record batches, in order."""
        import pyarrow as pa

        if self._kept is not None:
            yield from self._kept
            return
        try:
            for batch in self._batches():
                if batch.num_rows:
                    yield batch
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, pa.ArrowException, EOFError) as error:
            if isinstance(error, DataError):
                raise
            raise self._damaged(error) from error

    def keep(self) -> None:
        """Hold the blocks in memory, so that the file is read once."""
        self._kept = list(self.blocks())

    def size(self) -> int:
        """Bytes of the file, 0 when it is in memory already."""
        return Path(self.place).stat().st_size if self.place != "the table" else 0

    def cells(self, block: Any, name: str) -> Cells:
        """One column of a block, as numbers and as text."""
        return read_cells(block.column(self.names.index(name)), self.comma)

    def _check_names(self) -> None:
        for position, name in enumerate(self.names, 1):
            if not name.strip():
                hint = "; was it written with pandas' index? Then write it with index=False"
                raise DataError(f"every column of {self.place} must have a name, but column {position} has none{hint}")
            if self.names.count(name) > 1:
                raise DataError(f"column names of {self.place} must differ, but {name!r} is there twice; rename one")

    def _open_parquet(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self.names = list(pq.ParquetFile(path).schema_arrow.names)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path} must be a whole Parquet file, but it is damaged: {error}") from error
        self._batches = lambda: pq.ParquetFile(path).iter_batches(batch_size=1 << 16)

    def _open_csv(self, path: Path) -> None:
        sample, delimiter = _head(path)
        if found := _not_utf8(path):
            raise DataError(f"{path} must be text in UTF-8, but {found}; save it as UTF-8")
        self.comma = delimiter == ";"
        self.names, skip = _header(path, sample, delimiter)
        self._batches = lambda: self._csv_batches(path, delimiter, skip)

    def _csv_batches(self, path: Path, delimiter: str, skip: int) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.csv as pacsv

        ragged: list[Any] = []

        def seen(row: Any) -> str:
            ragged.append(row)
            return "error"

        read = pacsv.ReadOptions(use_threads=False, block_size=BLOCK, skip_rows=skip, column_names=self.names)
        parse = pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=seen)
        convert = pacsv.ConvertOptions(column_types=dict.fromkeys(self.names, pa.string()), strings_can_be_null=False)
        try:
            with _open(path) as file, pacsv.open_csv(file, read, parse, convert) as reader:
                yield from reader
        except pa.ArrowInvalid as error:
            if ragged:
                raise self._ragged(ragged[0], skip) from error
            if "Empty CSV" not in str(error):
                raise

    def _ragged(self, row: Any, skip: int) -> DataError:
        which = f"row {row.number - skip}" if row.number is not None else f"the row {row.text[:60]!r}"
        got = f"{which} has {row.actual_columns}"
        return DataError(
            f"every row of {self.place} must have {row.expected_columns} cells, but {got}: {row.text[:60]!r}"
        )

    def _damaged(self, error: BaseException) -> DataError:
        return DataError(f"{self.place} must be readable as a table, but: {str(error).splitlines()[0]}")


def read_cells(column: Any, comma: bool = False) -> Cells:
    """Numbers, missing and wrong cells of an Arrow column."""
    import pyarrow as pa

    pc = compute()
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    ):
        numbers = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        missing = np.isnan(numbers)
        return Cells(numbers, missing, np.zeros(len(numbers), bool), None)
    if pa.types.is_null(kind):
        return Cells(np.full(len(column), np.nan), np.ones(len(column), bool), np.zeros(len(column), bool), None)
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    absent = pc.fill_null(pc.is_in(texts, pa.array(MISSING)), True)
    absent = pc.or_(absent, pc.is_null(texts))
    if comma:
        decimal = pc.fill_null(pc.match_substring_regex(texts, _COMMA), False)
        texts = pc.if_else(decimal, pc.replace_substring(texts, ",", "."), texts)
    present = pc.if_else(absent, pa.scalar(None, pa.string()), texts)
    try:
        parsed = present.cast(pa.float64())
    except pa.ArrowInvalid:
        plain = pc.replace_substring_regex(present, r"^\+", "")
        is_number = pc.fill_null(pc.match_substring_regex(plain, _NUMBER), False)
        parsed = pc.if_else(is_number, plain, pa.scalar(None, pa.string())).cast(pa.float64())
    numbers = parsed.to_numpy(zero_copy_only=False).astype(np.float64)
    missing = absent.to_numpy(zero_copy_only=False)
    wrong = parsed.is_null().to_numpy(zero_copy_only=False) & ~missing
    return Cells(numbers, missing, wrong, texts)


def type_trouble(kind: Any) -> str | None:
    """Why a column of this Arrow type can't be learned from, or None."""
    import pyarrow as pa

    if pa.types.is_temporal(kind):
        return "dates or times"
    if pa.types.is_nested(kind):
        return "lists or structures"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "raw bytes"
    return None


def is_date(texts: Any) -> np.ndarray:
    """(n,) bool: which texts look like a date."""
    pattern = r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?$|^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ].*)?$|^\d{1,2}:\d{2}(:\d{2}.*)?$"
    found = compute().match_substring_regex(texts, pattern)
    return compute().fill_null(found, False).to_numpy(zero_copy_only=False)


def compute() -> Any:
    """Arrow's functions (made at import time, so a type checker doesn't know them)."""
    import pyarrow.compute

    return pyarrow.compute


def _arrow(table: Any) -> Any:
    """An Arrow table of an Arrow table, a pandas frame, or a mapping of columns."""
    import pyarrow as pa

    try:
        if isinstance(table, pa.Table):
            return table
        if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__dataframe__"):
            return pa.table(table)
        return pa.table({str(name): values for name, values in dict(table).items()})
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f"a table must be an Arrow table, a frame or a mapping of columns, but: {error}") from error


def _is_parquet(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(4)
    if not start:
        raise DataError(f"the file {path} must hold a table, but it is empty")
    if path.suffix.lower() in (".parquet", ".pq") and start != b"PAR1":
        raise DataError(f"{path} must be a Parquet file, but it begins with {start!r} and not with b'PAR1'")
    return start == b"PAR1"


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")


def _head(path: Path) -> tuple[str, str]:
    """The first 256 KiB as text, and what separates cells in it."""
    with _open(path) as file:
        data = file.read(1 << 18)
    if not data.strip():
        raise DataError(f"the file {path} must hold a table, but it is empty")
    if b"\0" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} must be text in UTF-8, but it holds zero bytes (UTF-16, or no text at all)")
    text = data.decode("utf-8-sig", "replace")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise DataError(f"the file {path} must hold a table, but it holds only blanks")
    if path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab")):
        return text, "\t"
    outside = "".join(first.split('"')[::2])
    return text, max(",;\t|", key=lambda one: (outside.count(one), one == ","))


def _header(path: Path, sample: str, delimiter: str) -> tuple[list[str], int]:
    """Column names, and how many lines they and the blank lines before them take."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        names = next(row for row in reader if row)
    except (csv.Error, StopIteration) as error:
        raise DataError(f"{path} must begin with a line of column names, but: {error or 'there is none'}") from error
    names = [name.strip() for name in names]
    if names and all(_is_number(name) for name in names):
        raise DataError(
            f"the first line of {path} must hold column names, but it holds numbers: {', '.join(names)[:60]}"
        )
    return names, reader.line_num


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _not_utf8(path: Path) -> str:
    """Where the first byte lies that is not UTF-8, or ""; before anything is parsed."""
    decoder, line, last = codecs.getincrementaldecoder("utf-8")(), 1, b""
    with _open(path) as file:
        while block := file.read(BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                bad = error.object[: error.start]
                line += bad.count(b"\n")
                column = error.start - bad.rfind(b"\n") if b"\n" in bad else len(last) + error.start + 1
                return f"line {line}, byte {column} is {error.object[error.start : error.start + 1]!r}"
            line += block.count(b"\n")
            last = block[block.rfind(b"\n") + 1 :]
    return "its end is cut within a letter" if decoder.getstate()[0] else ""
