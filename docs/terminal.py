"""Makes the pictures of real terminal output that the README shows: python docs/terminal.py NAME COMMAND…

    python docs/terminal.py train babysit train digits
    python docs/terminal.py cure babysit cure examples/sick/dead_relu.py

The command runs in a pseudo-terminal, so that it shows what a person would see; only the last state
of what it redraws is kept.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH = 118
THEME = TerminalTheme(
    (250, 250, 248),
    (38, 38, 38),
    [
        (38, 38, 38),
        (190, 60, 40),
        (0, 128, 90),
        (176, 120, 0),
        (0, 98, 160),
        (160, 80, 140),
        (0, 130, 150),
        (120, 120, 120),
    ],
    [
        (110, 110, 110),
        (213, 94, 0),
        (0, 158, 115),
        (200, 140, 0),
        (0, 114, 178),
        (204, 121, 167),
        (86, 180, 233),
        (60, 60, 60),
    ],
)


def captured(command: list[str]) -> str:
    """What a command writes to a terminal of WIDTH columns."""
    parts: list[bytes] = []

    def read(fd: int) -> bytes:
        data = os.read(fd, 1 << 14)
        parts.append(data)
        return data

    os.environ.update(COLUMNS=str(WIDTH), LINES="400", TERM="xterm-256color")
    pty.spawn(command, read)
    return b"".join(parts).decode(errors="replace")


def settled(text: str) -> str:
    """The text with every redrawn line in its last state only."""
    lines: list[str] = [""]
    row = 0
    for part in re.split(r"(\r\n|\n|\r|\x1b\[\d*A|\x1b\[2K|\x1b\[J|\x1b\[0J|\x1b\[\?25[lh])", text):
        if part in ("\r\n", "\n"):
            row += 1
        elif part == "\r" or part.startswith("\x1b[?25"):
            continue
        elif re.fullmatch(r"\x1b\[\d*A", part):
            row = max(0, row - int(part[2:-1] or 1))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part in ("\x1b[J", "\x1b[0J"):
            lines[row:] = [""]
        else:
            lines[row] += part
        while len(lines) <= row:
            lines.append("")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def main(name: str, command: list[str]) -> None:
    text = settled(captured(command))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"\x1b[1m$ {shlex.join(command)}\x1b[0m\n\n{text}"))
    path = Path(__file__).parent / "images" / f"{name}.svg"
    path.parent.mkdir(exist_ok=True)
    console.save_svg(str(path), title="", theme=THEME)
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
