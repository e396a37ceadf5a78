"""Text beside a mark or a name, wrapped below itself: words stay whole, and what goes on stands where it began."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

LEAST = 24
"""Columns that text is wrapped to at the least, however narrow the terminal."""


class Hanging:
    """A lead with text beside it; below it, where the lead leaves too little room.

    A console that doesn't wrap (`soft_wrap`: what is no terminal) gets each line of the text whole.

    Args:
        lead: a mark or a name.
        text: one line or several; each is wrapped by itself.
        at: the column that the text stands in.
        more: columns that a wrapped line's rest stands further in (code: what goes on isn't a new statement).

    Examples:
        >>> import io
        >>> out = Console(file=io.StringIO(), width=30)
        >>> out.print(Hanging(Text("→ "), Text("Lower the learning rate ten times"), 2))
        >>> print(out.file.getvalue(), end="")
        → Lower the learning rate ten
          times
    """

    def __init__(self, lead: Text, text: Text, at: int, *, more: int = 0) -> None:
        self.lead, self.text, self.at, self.more = lead, text, at, more

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        lead = self.lead
        if cell_len(lead.plain) > self.at:
            yield lead
            lead = Text()
        for indent, line in self._lines(console, options.max_width):
            yield Text.assemble(lead, " " * (indent - cell_len(lead.plain)), line)
            lead = Text()

    def _lines(self, console: Console, width: int) -> Iterator[tuple[int, Text]]:
        """(column, line) of the wrapped text."""
        room = max(LEAST, width - self.at)
        for whole in self.text.split("\n", allow_blank=True):
            first, *others = [whole] if console.soft_wrap else whole.wrap(console, room)
            further = self.more and self.more + len(whole.plain) - len(whole.plain.lstrip())
            if others and further:
                rest = whole[len(first.plain) :]
                others = rest[len(rest.plain) - len(rest.plain.lstrip()) :].wrap(console, max(LEAST, room - further))
            first.rstrip()
            yield self.at, first
            for line in others:
                line.rstrip()
                yield self.at + further, line
