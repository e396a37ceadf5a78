"""Trials as rows that keep within a terminal's width: broken between their fields, and indented where they go on."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from ..record.study import Study, parts

STAR = "★"
NARROW = 20
"""Columns that a row gets at least."""


def trial_rows(study: Study, count: int, width: int | None, indent: str = "  ") -> list[Text]:
    """The best trials, the one that is taken marked, each as lines no wider than `width` (None: as one line)."""
    choice = taken(study)
    total, found = len(study.trials), []
    for trial in study.ranked()[:count]:
        mark = f"{STAR} " if trial is choice else "  "
        room = None if width is None else max(NARROW, width - len(indent) - 4)
        for number, line in enumerate(joined(parts(trial, study.metric, total), room)):
            lead, style = indent + (mark if number == 0 else "    "), "" if trial is choice else "dim"
            found.append(Text.assemble((lead, "yellow"), (line, style)))
    return found


def taken(study: Study) -> object:
    """The trial that is marked; None where there is none."""
    try:
        return study.choice
    except ValueError:
        return None


def joined(words: Sequence[str], width: int | None) -> list[str]:
    """Parts with commas between them, in lines of at most `width`, no part broken that fits into one.

    Examples:
        >>> joined(["lr: 0.1", "width: 64", "30 epochs"], 20)
        ['lr: 0.1, width: 64,', '30 epochs']
        >>> joined(["lr: 0.1", "width: 64"], None)
        ['lr: 0.1, width: 64']
    """
    lines: list[str] = []
    for number, word in enumerate(words):
        word = word + ("," if number < len(words) - 1 else "")
        if lines and (width is None or len(lines[-1]) + 1 + len(word) <= width):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
