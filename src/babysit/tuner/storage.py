"""What is kept: Optuna's journal, with a backend that gathers writes and commits them as a group.

Optuna's own file backend locks, writes and fsyncs once for every parameter, report and state. This one hands a log over
to memory at once and writes all that waits every `SECONDS`, in one append and one fsync: what a killed process
loses is that much.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

SECONDS = 0.5


class BufferedBackend(BaseJournalBackend):
    """A journal file with group commit, of one writing process.

    A file belongs to one process while it is open (it is locked, and a killed process lets go of it), so what waits can
    be read as if it were written: reading is from memory. A last line that a kill cut short is dropped on opening.

    Args:
        path: of the journal, made when missing; its format is Optuna's, so `JournalFileBackend` reads it too.
        seconds: between two commits; 0 commits every log at once.

    Raises:
        OSError: the file can't be written, or another living process has it open.
    """

    def __init__(self, path: str | Path, seconds: float = SECONDS) -> None:
        self.path = Path(path)
        self._seconds = seconds
        self._lock = threading.RLock()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab")  # noqa: SIM115 (closed by close)
        _lock(self._file, self.path)
        self._logs: list[dict[str, Any]] = list(_read(self.path))
        self._written = len(self._logs)
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._commit_often, name="babysit-journal", daemon=True)
        self._thread.start()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Logs from a number on, those that wait included."""
        return iter(self._logs[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Take logs over; they are on disk after at most `seconds`."""
        with self._lock:
            self._logs.extend(logs)
        if not self._seconds:
            self.commit()

    def commit(self) -> None:
        """Write what waits, as one group, and let the disk have it."""
        with self._lock:
            fresh = self._logs[self._written :]
            if not fresh or self._file.closed:
                return
            text = "".join([json.dumps(log, separators=(",", ":")) + "\n" for log in fresh])
            self._file.write(text.encode())
            self._file.flush()
            self._written = len(self._logs)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Commit and let go of the file. Safe to call twice."""
        if self._file.closed:
            return
        self._wake.set()
        self._thread.join(timeout=5)
        self.commit()
        with self._lock:
            self._file.close()

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("a buffered journal belongs to one process; other processes need a storage URL")

    def _commit_often(self) -> None:
        while not self._wake.wait(self._seconds or 3600):
            with contextlib.suppress(OSError):
                self.commit()


def _lock(file: Any, path: Path) -> None:
    """Hold the file for as long as this process lives (where the system has such locks)."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BlockingIOError(f"{path} is being written by another process") from None


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal; what a kill left of a last one is cut off."""
    if not path.exists():
        return
    good = 0
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                log = json.loads(line)
            except ValueError:
                break
            good += len(line)
            yield log
    if good < path.stat().st_size:
        os.truncate(path, good)
