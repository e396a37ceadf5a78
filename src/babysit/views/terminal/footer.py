"""A few rows at the bottom of the terminal that the script's own output can't touch.

The terminal itself keeps the two apart: its scrolling region (DECSTBM, as apt's progress bar uses it) is set
to the rows above, so whatever the script, its C libraries or its subprocesses write, carriage returns and
cursor movements included, stays in its own part and scrolls as ever; nothing of it is wrapped, buffered or
redirected. Each paint is one write: save the cursor, draw, put it back. Where any of this is in doubt
(no terminal, a dumb or a small one, a background job) there is no footer.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import threading
from typing import IO

_SAVE, _BACK = "\x1b7", "\x1b8"
_FREE = "\x1b[r"
_GUARD = "trap '' INT TERM HUP QUIT; read -r word || printf '\\0337\\033[r\\0338\\033[J\\033[?25h' >&2"


class Footer:
    """`rows` rows at the bottom of the terminal that `stream` is; `paint(lines)` draws them.

    Args:
        stream: where to draw; the standard error by default.
        rows: how many.
    """

    def __init__(self, stream: IO[str] | None = None, rows: int = 4) -> None:
        self.stream = stream if stream is not None else sys.stderr
        self.rows = rows
        self.usable = usable(self.stream, rows)
        self._lock = threading.RLock()
        self._size: tuple[int, int] | None = None  # the terminal's, as the region was set for
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return _size(self.stream)[0]

    def paint(self, lines: list[str]) -> None:
        """Draw these lines (at most `rows`; each without line feeds and no wider than the terminal)."""
        with self._lock:
            if not self.usable or not _foreground(self.stream):
                return
            size = _size(self.stream)
            if size[1] < self.rows + 4:
                self.close()
                return
            text = self._reserve(size) if size != self._size else ""
            top = size[1] - self.rows
            text += f"{_SAVE}\x1b[?25l\x1b[1;{top}r"  # set again: the script may have cleared or reset the screen
            for index in range(self.rows):
                line = lines[index] if index < len(lines) else ""
                text += f"\x1b[{top + 1 + index};1H\x1b[0m\x1b[2K{line}\x1b[0m"
            self._write(f"{text}{_BACK}\x1b[?25h")

    def close(self) -> None:
        """Give the rows back and clear them. Safe to call twice."""
        with self._lock:
            if self._size is None:
                self.usable = False
                return
            top = _size(self.stream)[1] - self.rows
            self._write(f"{_SAVE}{_FREE}\x1b[{max(1, top + 1)};1H\x1b[0m\x1b[J{_BACK}\x1b[?25h")
            self._size, self.usable = None, False
            atexit.unregister(self.close)
            guard, self._guard = self._guard, None
            if guard is not None and guard.stdin is not None:
                with contextlib.suppress(OSError):
                    guard.stdin.write(b"done\n")
                    guard.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    guard.wait(timeout=2)

    def _reserve(self, size: tuple[int, int]) -> str:
        """Make room below the cursor without changing its column (IND scrolls only where it must)."""
        if self._size is None:
            atexit.register(self.close)
            self._guard = _guard(self.stream)
            room = "\x1bD" * self.rows + f"\x1b[{self.rows}A"
        else:
            old_top = min(self._size[1], size[1]) - self.rows  # the terminal was resized: wipe the old rows
            room = f"{_SAVE}{_FREE}\x1b[{max(1, old_top + 1)};1H\x1b[J{_BACK}"
            if size[1] < self._size[1]:
                room += "\x1bD" * self.rows + f"\x1b[{self.rows}A"
        self._size = size
        return room

    def _write(self, text: str) -> None:
        try:
            self.stream.flush()
            data = text.encode("utf-8", "replace")
            while data:  # one write but where the terminal takes less
                data = data[os.write(self.stream.fileno(), data) :]
        except (OSError, ValueError):
            self.usable = False


def usable(stream: IO[str], rows: int = 4) -> bool:
    """Can a footer be drawn on this stream? In doubt, no."""
    if os.name != "posix" or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return False
    if os.environ.get("CI") or (getattr(stream, "encoding", "") or "").lower().replace("-", "") != "utf8":
        return False
    try:
        if not os.isatty(stream.fileno()):
            return False
    except (OSError, ValueError, AttributeError):
        return False
    width, height = _size(stream)
    return width >= 40 and height >= rows + 8


def _size(stream: IO[str]) -> tuple[int, int]:
    try:
        return tuple(os.get_terminal_size(stream.fileno()))  # type: ignore[return-value]
    except (OSError, ValueError):
        return (80, 24)


def _foreground(stream: IO[str]) -> bool:
    """A job in the background must not draw over what is in front."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:
        return True  # no controlling terminal: nobody else is in front


def _guard(stream: IO[str]) -> subprocess.Popen[bytes] | None:
    """A sleeping shell that frees the rows when this process is killed outright."""
    shell = shutil.which("sh")
    if shell is None:
        return None
    try:
        return subprocess.Popen(
            [shell, "-c", _GUARD], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stream.fileno()
        )
    except OSError:
        return None
