"""The documentation's gallery: one Markdown page and one SVG for each claim, made of real results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..views.page import write
from ..views.panel import Table
from ._page import INTRODUCTION, MARKS, TITLE, WORDS, Occasion, by_part
from ._svg import svg
from ._verdict import Verdict


def write_gallery(folder: str | Path, verdicts: Sequence[Verdict], occasion: Occasion) -> Path:
    """Write `README.md` and `<id>.svg` into a folder; gives the page's path.

    Raises:
        OutputError: it can't be written.
    """
    folder = Path(folder)
    for one in verdicts:
        write(folder / f"{one.id}.svg", svg(one.figure, standalone=True))
    return write(folder / "README.md", markdown(verdicts, occasion))


def markdown(verdicts: Sequence[Verdict], occasion: Occasion) -> str:
    """The page's text."""
    counts = Counter(one.verdict for one in verdicts)
    told = ", ".join(f"{counts[kind]} {words}" for kind, words in (("holds", "hold"), ("depends", "depend"), ("does-not-hold", "do not hold")) if counts[kind])  # fmt: skip
    data = "; ".join(dict.fromkeys(one.data for one in verdicts))
    parts = [
        f"# {TITLE}", INTRODUCTION,
        f"**{told}.** Measured on {occasion.told}. Data: {data}; where a ConvNet or the lecture's pixels are called for, generated images of "
        "CIFAR's shape. The same as one page: [lecture.html](lecture.html). How it is done, and how to repeat it on data of your own: "
        "[claims](../claims.md).",
        "In figures a line is the median over seeds and the field around it reaches from the lowest to the highest. Intervals are Student's, "
        "95 %, of the mean over seeds (of the logarithms for ratios).",
    ]  # fmt: skip
    for part, members in by_part(verdicts):
        rows = [f"| {MARKS[one.verdict]} | [{one.statement}](#{one.id}) | {one.settings[0].told} |" for one in members]
        parts.append("\n".join([f"## {part}", "", "| | | first of its numbers |", "|---|---|---|", *rows]))
    for part, members in by_part(verdicts):
        parts.append(f"## {part}, one by one")
        parts += [_section(one) for one in members]
    return "\n\n".join(parts) + "\n"


def _section(one: Verdict) -> str:
    depends = f" ({one.depends_on})" if one.depends_on else ""
    rows = [
        f"| {MARKS[each.verdict]} | {_cell(each.name)} | {_cell(each.criterion.words)} | {_cell(each.told)} |"
        for each in one.settings
    ]
    tables = ["\n".join(_table(mark)) for mark in one.figure.marks if isinstance(mark, Table)]
    return "\n\n".join(
        [
            f'<a id="{one.id}"></a>', f"### {one.statement}", f"**{MARKS[one.verdict]} {WORDS[one.verdict]}**{depends}", one.why,
            f"![{one.figure.title}]({one.id}.svg)", *([one.figure.note] if one.figure.note else []),
            "\n".join(["| | | said beforehand | measured |", "|---|---|---|---|", *rows]), *tables, *([f"*{one.beside}*"] if one.beside else []),
            f"[{one.section.title}]({one.section.url}) · {f'[{one.paper.name}]({one.paper.url})' if one.paper.url else one.paper.name}"
            f" · `{one.command}` · {one.seeds} seeds",
        ]
    )  # fmt: skip


def _table(table: Table) -> list[str]:
    head = f"| {' | '.join(_cell(cell) for cell in table.header)} |"
    return [
        head,
        "|" + "---|" * len(table.header),
        *(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in table.rows),
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
