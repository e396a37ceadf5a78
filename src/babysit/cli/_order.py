"""Options of ours that were meant for us, but stand after the script and so go to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click


def tell_misplaced(script: str, arguments: Sequence[str]) -> None:
    """Say on the standard error which options of the command that runs are handed to the script instead."""
    known = [name for one in click.get_current_context().command.params for name in one.opts]
    try:
        source = Path(script).read_text(encoding="utf-8", errors="replace")
    except OSError:  # a module's name, or no such file, which is said elsewhere
        source = ""
    names = misplaced(arguments, known, source)
    if names:
        one = len(names) == 1
        click.echo(
            f"babysit: {' and '.join(names)} {'stands' if one else 'stand'} after {script} and "
            f"{'goes' if one else 'go'} to it; ours stand before it",
            err=True,
        )


def misplaced(arguments: Sequence[str], known: Iterable[str], source: str = "") -> list[str]:
    """The long options among a script's arguments that are ours and that its source doesn't name.

    Examples:
        >>> misplaced(["--apply", "--json=out.json", "--lr", "1"], ["--apply", "--json", "-m"])
        ['--apply', '--json']
        >>> misplaced(["--steps", "9"], ["--steps"], 'parser.add_argument("--steps")'), misplaced(["--", "--apply"], ["--apply"])
        ([], [])
    """
    ours = {name for name in known if name.startswith("--")}
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    names = dict.fromkeys(word.partition("=")[0] for word in before)
    return [name for name in names if name in ours and name not in source]
