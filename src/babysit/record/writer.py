"""Who writes a record: a process that can be asked whether it still lives.

A record without an end is being written, was laid down to be gone on with, or was left by a process that died: its file
alone looks the same each time. So the writer signs it, and takes its name away when it lays the record down.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Standing = Literal["ended", "running", "stopped", "died", "silent"]
LIVE = 30.0
"""Seconds after which nothing is known of a writer on another machine that wrote nothing."""


@dataclass(frozen=True)
class Written:
    """By whom a stored record is being written (None: nobody any more), and when it last changed (seconds, Unix)."""

    writer: Mapping[str, Any] | None
    heard: float


def myself() -> dict[str, Any]:
    """This process, so that others know it again: where it runs, its number, and when it began there."""
    return {"place": _place(), "pid": os.getpid(), "began": _began(os.getpid())}


def lives(writer: Mapping[str, Any]) -> bool | None:
    """Does the process that signed still run? None where that can't be known, as from another machine.

    Examples:
        >>> lives(myself()), lives({**myself(), "began": -1}), lives({**myself(), "place": "elsewhere"})
        (True, False, None)
    """
    pid = writer.get("pid")
    if writer.get("place") != _place() or not isinstance(pid, int):
        return None
    if Path("/proc/self/stat").exists():
        return _began(pid) == writer.get("began")  # a number is given again to other processes, which begin later
    return False if _unused(pid) else None


def standing(ended: bool, written: Written) -> Standing:
    """Where a stored record stands.

    Returns:
        "ended"; "running"; "stopped": laid down before its end; "died": its process is gone, and didn't lay it down;
        "silent": its process runs elsewhere, if it does, and wrote nothing for `LIVE` seconds.
    """
    if ended:
        return "ended"
    if written.writer is None:
        return "stopped"
    alive = lives(written.writer)
    if alive is None:
        return "running" if time.time() - written.heard < LIVE else "silent"
    return "running" if alive else "died"


@lru_cache(maxsize=1)
def _place() -> str:
    """This machine since it was started, and the space that process numbers are of (a container has its own)."""
    parts = [socket.gethostname()]
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        lambda: os.readlink("/proc/self/ns/pid"),
    ):
        try:
            parts.append(read())
        except OSError:  # not Linux, or not allowed
            continue
    return " ".join(parts)


def _began(pid: int) -> int | None:
    """When a process began, in the kernel's ticks since the machine's start; None where there is none, or no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _unused(pid: int) -> bool:
    """Is there surely no process of that number?"""
    if os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
