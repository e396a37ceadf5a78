"""A proven edit as a change of the user's own file, where the line is known and there is one way to write it.

Nothing is guessed: an edit that has no such line, or several, stays advice in words. What is written here is run
before it is shown (`checker.cure`), and left out where it doesn't do what the edit did.

To add one: in the file of the part that it changes, a function (tree, text, value) that gives the changes of
the text, none where it has no single place, and its line in that file's `WRITERS`.
"""

from __future__ import annotations

import ast
import difflib
import itertools
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import OutputError
from . import calls, data, loss, network, optimizing
from .places import Change

WRITERS = {**optimizing.WRITERS, **calls.WRITERS, **loss.WRITERS, **network.WRITERS, **data.WRITERS}


def rewritten(text: str, edit: Mapping[str, Any]) -> str | None:
    """The program's text with the edit written into it; None where that can't be done without guessing.

    Examples:
        >>> print(rewritten("opt = torch.optim.SGD(model.parameters(), lr=1.0)", {"lr": "*0.1"}))
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    changes: list[Change] = []
    if "optimizer" in edit:  # one call is written anew, its rate included
        edit = {**edit, "optimizer": (edit["optimizer"], edit.get("lr"))}
        edit.pop("lr", None)
    for name, value in edit.items():
        found = WRITERS[name](tree, text, value) if name in WRITERS else None
        if not found:
            return None
        changes += found
    return None if _overlap(changes) else _parsed(_apply(text, changes))


def diff(path: Path, edit: Mapping[str, Any]) -> str | None:
    """The change as a unified diff of the file, or None."""
    old = read(path)
    new = rewritten(old, edit) if old is not None else None
    if old is None or new is None or new == old:
        return None
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), str(path), str(path), n=2)
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def read(path: Path) -> str | None:
    """The file's text, None where it has none that can be changed."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def apply(path: Path, edit: Mapping[str, Any]) -> Path:
    """Write the change into the file and keep the old one beside it; gives the backup's path.

    Raises:
        OutputError: the file can't be written, or the change can't be written without guessing.
    """
    old = path.read_text(encoding="utf-8")
    new = rewritten(old, edit)
    if new is None:
        raise OutputError(f"this change has no single place in {path}; make it by hand")
    backup = path.with_name(path.name + ".before-cure")
    try:
        shutil.copy2(path, backup)
        fresh = path.with_name(path.name + ".cure")
        fresh.write_text(new, encoding="utf-8")
        shutil.copymode(path, fresh)
        os.replace(fresh, path)
    except OSError as error:
        raise OutputError(f"{path} must be writable, but: {error}") from error
    return backup


def _overlap(changes: list[Change]) -> bool:
    ordered = sorted(changes)
    return any(one[2:4] > other[:2] for one, other in itertools.pairwise(ordered))


def _parsed(text: str) -> str | None:
    try:
        ast.parse(text)
    except SyntaxError:
        return None
    return text


def _apply(text: str, changes: list[Change]) -> str:
    """Python counts columns in bytes of UTF-8, and only line feeds end its lines."""
    lines = text.encode().splitlines(True)
    for line, column, end_line, end_column, new in sorted(changes, reverse=True):
        head, tail = lines[line - 1][:column], lines[end_line - 1][end_column:]
        lines[line - 1 : end_line] = [head + new.encode() + tail]
    return b"".join(lines).decode()
