"""Rows of a name, numbers and a curve, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from ..words import tail
from .spark import spark

GAP = "  "
CURVE = 8
"""Characters that a curve has at the least; with less room there is none."""
NAME = 12
"""Characters of a name at the least, of one that is longer; with less room columns of numbers are left out."""


class Row(NamedTuple):
    """One row: its name, its numbers as text, the values of its curve."""

    name: str
    cells: Sequence[str]
    curve: Any
    style: str = ""


class Grid:
    """A table that fits: first the curves get shorter and are left out, then names, then the first columns of numbers.

    Args:
        header: the names of the first column and of the numbers'.
        longest: characters of a curve, where there is room.

    Examples:
        >>> import io
        >>> made = Grid(("", "first", "last"), [Row("loss", ("2.3", "0.1"), [3, 2, 1])])
        >>> for width in (40, 18):
        ...     out = Console(file=io.StringIO(), width=width)
        ...     out.print(made)
        ...     print(out.file.getvalue(), end="")
              first  last
        loss    2.3   0.1  █▅▁
              first  last
        loss    2.3   0.1
    """

    def __init__(self, header: Sequence[str], rows: Sequence[Row], longest: int = 40) -> None:
        self.header, self.rows, self.longest = tuple(header), list(rows), longest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width, columns = options.max_width, list(range(1, len(self.header)))
        sizes = {index: max(cell_len(text) for text in self._column(index)) for index in columns}
        name = max(cell_len(text) for text in self._column(0))
        taken = lambda: sum(sizes[index] + len(GAP) for index in columns)  # noqa: E731
        while len(columns) > 1 and min(name, NAME) + taken() > width:
            columns.pop(0)
        name = max(min(name, NAME), min(name, width - taken()))
        room = min(self.longest, width - name - taken() - len(GAP))
        line = Text(self.header[0].ljust(name), "dim")
        for index in columns:
            line.append(GAP + self.header[index].rjust(sizes[index]))
        yield line
        for row in self.rows:
            line = Text(tail(row.name, name).ljust(name), row.style)
            for index in columns:
                line.append(GAP + row.cells[index - 1].rjust(sizes[index]), "default")
            line.append(GAP + spark(row.curve, room) if room >= CURVE else "", "cyan")
            line.rstrip()
            yield line

    def _column(self, index: int) -> Iterator[str]:
        yield self.header[index]
        yield from (row.cells[index - 1] if index else row.name for row in self.rows)
