"""What is kept: Optuna's journal, with a backend that gathers writes and commits them as a group.

Optuna's own file backend locks, writes and fsyncs once for every parameter, report and state. This one hands a log over
to memory at once and writes all that waits every `SECONDS`, in one append and one fsync: what a killed process
loses is that much.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import math
import os
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

try:
    from optuna.storages.journal._storage import JournalOperation

    _REPORT: int | None = int(JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE)
except (ImportError, AttributeError):  # its file format has it, but its place in Optuna is not promised
    _REPORT = None

SECONDS = 0.5
KEPT = 4096
"""Logs that were read and written, and are let go of together: one by one would move all others each time."""


class Journal(JournalStorage):
    """Optuna's journal storage, which also takes a trial's values of many epochs as one.

    Args:
        backend: a buffered one, whose logs nobody else writes.
    """

    def __init__(self, backend: BufferedBackend) -> None:
        super().__init__(backend)
        self._buffered = backend

    def set_trial_intermediate_values(self, trial_id: int, values: Mapping[int, float]) -> None:
        """As `set_trial_intermediate_value` for each (epoch, value), but the trial is copied once, not once a value."""
        seen = getattr(self, "_replay_result", None)
        if _REPORT is None or not values or not hasattr(seen, "_trials") or not hasattr(seen, "log_number_read"):
            for epoch, value in values.items():
                self.set_trial_intermediate_value(trial_id, epoch, value)
            return
        with self._thread_lock:
            self._sync_with_backend()
            trial = copy.copy(seen._trials[trial_id])
            if trial.state.is_finished():
                return  # told before a kill
            head = {"op_code": _REPORT, "worker_id": seen.worker_id, "trial_id": trial_id}
            logs = [{**head, "step": epoch, "intermediate_value": value} for epoch, value in values.items()]
            trial.intermediate_values = {**trial.intermediate_values, **values}
            self._buffered.append_logs(logs)
            seen._trials[trial_id] = trial
            seen.log_number_read += len(logs)


class BufferedBackend(BaseJournalBackend):
    """A journal file with group commit, of one writing process.

    A file belongs to one process while it is open (it is locked, and a killed process lets go of it), so what waits can
    be read as if it were written: reading is from memory. What is written and was read once is let go of, and read from the
    file should it be asked for again. A last line that a kill cut short is dropped on opening.

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
        self._logs: list[dict[str, Any]] = list(_read(self.path))  # from number `_first` on
        self._first = 0
        self._written = len(self._logs)
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._commit_often, name="babysit-journal", daemon=True)
        self._thread.start()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Logs from a number on, those that wait included."""
        with self._lock:
            if log_number_from < self._first:
                self.commit()
                with open(self.path, "rb") as file:
                    return iter([json.loads(line) for line in itertools.islice(file, log_number_from, self._written)])
            found = self._logs[log_number_from - self._first :]
            let_go = min(log_number_from, self._written) - self._first
            if let_go > KEPT:
                del self._logs[:let_go]
                self._first += let_go
        return iter(found)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Take logs over; they are on disk after at most `seconds`."""
        with self._lock:
            self._logs.extend(logs)
        if not self._seconds:
            self.commit()

    def commit(self) -> None:
        """Write what waits, as one group, and let the disk have it."""
        with self._lock:
            fresh = self._logs[self._written - self._first :]
            if not fresh or self._file.closed:
                return
            text = "".join([_line(log) for log in fresh])
            self._file.write(text.encode())
            self._file.flush()
            self._written = self._first + len(self._logs)
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


_encode = json.JSONEncoder(separators=(",", ":")).encode
_quoted = lru_cache(maxsize=16)(_encode)


def _line(log: dict[str, Any]) -> str:
    """A log as its line. Nearly all are values of epochs, which are spelled out here: a third of the time."""
    value = log.get("intermediate_value")
    if log["op_code"] != _REPORT or not isinstance(value, float) or not math.isfinite(value) or len(log) != 5:
        return _encode(log) + "\n"
    return (
        f'{{"op_code":{_REPORT},"worker_id":{_quoted(log["worker_id"])},"trial_id":{log["trial_id"]},'
        f'"step":{log["step"]},"intermediate_value":{float.__repr__(value)}}}\n'
    )


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
