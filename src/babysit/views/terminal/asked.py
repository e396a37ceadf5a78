"""What a check came to, in a line or a few: asked, measured, expected, and the way out where it failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from ..words import clean
from .hanging import Hanging

MARKS = {True: ("✔", "green"), False: ("✖", "bold red"), None: ("·", "dim")}
NAME, MEASURED = 26, 38
"""Characters of the columns."""


def outcome_text(outcome: Any, width: int | None, *, name: int = NAME, timed: bool = True) -> Iterator[Hanging]:
    """One outcome of a check (`id`, `passed`, `measured`, `expected`, `reason`, `seconds`, `findings`).

    Args:
        width: of the terminal; None where it is none, and lines may be of any length.
        name: characters of the column of names.
        timed: say how long it took, where there is room.
    """
    mark, style = MARKS[outcome.passed]
    named = {True: "", False: "bold", None: "dim"}[outcome.passed]
    lead = Text.assemble(f" {mark} ", (clean(outcome.id, 60).ljust(name), named))
    lead.stylize(style, 1, 2)
    beside = width is None or width >= name + 3 + 40
    columns = width is None or width >= name + MEASURED + 50
    seconds = f"   {outcome.seconds:.2f} s" if timed and columns and outcome.seconds >= 0.005 else ""
    if outcome.passed is None:
        told = Text(f"cannot be judged here: {clean(outcome.reason, 400)}{seconds}", "dim")
    else:
        told = Text(clean(outcome.measured, 400).ljust(MEASURED * columns), "red" if outcome.passed is False else "")
        told.append(f"   expected {clean(outcome.expected, 400)}{seconds}", "dim")
    yield Hanging(lead, told, name + 3 if beside else 5)
    if outcome.passed is not None and outcome.reason:
        yield Hanging(Text(), Text(clean(outcome.reason, 1000), "red"), 5)
    for finding in outcome.findings:
        if outcome.passed is False:
            for remedy in finding.remedies[:1]:
                yield Hanging(Text("     → ", "green"), Text(clean(remedy.title, 300)), 7)
                if remedy.code:
                    yield Hanging(Text(), Text(clean(remedy.code, 1000, lines=True), "cyan"), 7, more=4)
        elif finding.severity == "info":
            yield Hanging(Text("     ● ", "blue"), Text(clean(finding.message, 2000)), 7)
