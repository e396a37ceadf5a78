"""The store: one SQLite file per run, written while it trains, read by anyone meanwhile.

One compact row per observed step: a layout says which readings a row holds, the row is their
float64 values side by side, so a million readings take about 10 MB. Write-ahead logging lets
readers read while the writer writes; on network file systems, where that is unsafe, a plain
journal is used. Rows wait in memory at most `SECONDS` before they are committed, so a run that
is killed outright keeps all but its last second.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError, RecordError
from . import ranks
from .finding import Finding
from .run import Event, Key, Run
from .writer import Written, myself

FILE = "run.sqlite"
SECONDS = 0.5
SCHEMA = 1
CHUNK = 4096
"""Rows read at once: what lies in memory twice."""
_NETWORK = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "lustre",
    "beegfs",
    "ceph",
    "fuse.sshfs",
    "afs",
    "gpfs",
}

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT, version INTEGER);
CREATE TABLE IF NOT EXISTS layouts (id INTEGER PRIMARY KEY, keys TEXT);
CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, step INTEGER, seconds REAL, layout INTEGER, data BLOB);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, step INTEGER, kind TEXT, place TEXT, detail TEXT);
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, step INTEGER, what TEXT, place TEXT, shape TEXT, data BLOB);
CREATE TABLE IF NOT EXISTS findings (id INTEGER PRIMARY KEY, value TEXT);
"""


class Store:
    """Writes one run's file. Safe to call from several threads; never raises once it is open.

    Args:
        folder: the run's folder, made when missing.
        resume: go on with a record that exists, dropping what lies after `resume` (a step).

    Raises:
        OutputError: the folder can't be made or written.
    """

    def __init__(self, folder: str | Path, *, resume: int | None = None) -> None:
        self.folder = Path(folder)
        self.failed: str | None = None
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []
        self._layouts: dict[tuple[Key, ...], int] = {}
        self._closed = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._db = _connect(self.folder / FILE)
            self._db.executescript(_TABLES)
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('writer', ?)", (json.dumps(myself()),))
            self._read_layouts()
            if resume is not None:
                for table in ("rows", "events", "vectors"):
                    self._db.execute(f"DELETE FROM {table} WHERE step > ?", (resume,))
            self._db.commit()
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"the run's folder {self.folder} must be writable, but: {error}") from error
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._keep_flushing, name="babysit-store", daemon=True)
        self._thread.start()

    def append(self, step: int, readings: Mapping[Key, float], seconds: float | None = None) -> None:
        """Write the readings of one observed step as one row."""
        if not readings:
            return
        keys = tuple(readings)
        with self._lock:
            layout = self._layout(keys)
            data = np.fromiter(readings.values(), np.float64, len(keys)).tobytes()
            row = (int(step), time.time() if seconds is None else float(seconds), layout, data)
            self._waiting.append(("INSERT INTO rows (step, seconds, layout, data) VALUES (?, ?, ?, ?)", row))

    def extend(self, key: Key, steps: Sequence[int], values: Sequence[float], seconds: float) -> None:
        """Write one reading of many steps, a row for each, as `append` would."""
        data = np.asarray(values, np.float64).tobytes()
        with self._lock:
            layout = self._layout((key,))
            put = "INSERT INTO rows (step, seconds, layout, data) VALUES (?, ?, ?, ?)"
            self._waiting += [
                (put, (step, seconds, layout, data[8 * at : 8 * at + 8])) for at, step in enumerate(steps)
            ]

    def _layout(self, keys: tuple[Key, ...]) -> int:
        """The number of a layout, which waits to be written where it is new; the lock must be held."""
        layout = self._layouts.get(keys)
        if layout is None:
            layout = self._layouts[keys] = len(self._layouts) + 1
            self._waiting.append(("INSERT OR IGNORE INTO layouts VALUES (?, ?)", (layout, json.dumps(keys))))
        return layout

    def add_vector(self, step: int, what: str, where: str, values: np.ndarray) -> None:
        """Write a reading that is an array (kept as float32)."""
        values = np.ascontiguousarray(values, np.float32)
        row = (int(step), what, where, json.dumps(values.shape), values.tobytes())
        self._put("INSERT INTO vectors (step, what, place, shape, data) VALUES (?, ?, ?, ?, ?)", row)

    def add_event(self, event: Event) -> None:
        """Write something that happened once."""
        row = (int(event.step), event.kind, event.where, _json(event.detail))
        self._put("INSERT INTO events (step, kind, place, detail) VALUES (?, ?, ?, ?)", row)

    def set_fact(self, name: str, value: Any) -> None:
        """Write a fact (a plain JSON value), replacing an older one."""
        self._put("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (name, _json(value), time.time_ns()))

    def set_findings(self, findings: list[Finding]) -> None:
        """Replace the findings."""
        with self._lock:
            self._waiting.append(("DELETE FROM findings", ()))
            more = [{"explains": list(one.explains), "extra": dict(one.extra)} for one in findings]
            rows = [(index, _json({**one.to_dict(), **more[index]})) for index, one in enumerate(findings)]
            self._waiting.extend(("INSERT INTO findings VALUES (?, ?)", row) for row in rows)

    def flush(self) -> None:
        """Commit what waits. A failure is remembered in `failed`; what waits is kept for the next try."""
        with self._writing:  # what is appended meanwhile must not wait for the disk
            with self._lock:
                waiting, self._waiting = self._waiting, []
            if not waiting or self._closed:
                return
            try:
                for statement, rows in itertools.groupby(waiting, key=lambda one: one[0]):
                    self._db.executemany(statement, (row for _, row in rows))
                self._db.commit()
                self.failed = None
            except sqlite3.Error as error:
                with contextlib.suppress(sqlite3.Error):
                    self._db.rollback()
                self.failed = str(error)
                with self._lock:
                    self._waiting = waiting[-100_000:] + self._waiting

    def close(self) -> None:
        """Commit, close, and fold the write-ahead log into the file. Safe to call twice."""
        if self._closed:
            return
        self._wake.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)
        self.flush()
        with self._writing:
            self._closed = True
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("DELETE FROM meta WHERE name = 'writer'")
                self._db.commit()
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()

    def _put(self, statement: str, row: tuple[Any, ...]) -> None:
        with self._lock:
            self._waiting.append((statement, row))

    def _keep_flushing(self) -> None:
        while not self._wake.wait(SECONDS):
            if self._waiting:
                self.flush()

    def _read_layouts(self) -> None:
        for number, keys in self._db.execute("SELECT id, keys FROM layouts ORDER BY id"):
            self._layouts[tuple((what, where) for what, where in json.loads(keys))] = number


class Reader:
    """Reads a run's file, also while it is being written; `refresh` adds what is new.

    Raises:
        RecordError: no record there, or it is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder)
        if self.path.is_dir():
            self.path = self.path / FILE
        self.run = Run()
        self.run.folder = self.path.parent
        self._layouts: dict[int, list[Key]] = {}
        self._seen = {"rows": 0, "events": 0, "vectors": 0, "facts": 0}
        if not self.path.is_file():
            there = self.path.parent if self.path.name == FILE else self.path
            raise RecordError(
                f"a run's folder holds {FILE}, but {there} {'has none' if there.exists() else 'is not there'}"
            )
        self.refresh()

    @property
    def rows_seen(self) -> int:
        """The number of the newest row that was read; a file whose newest is lower was begun anew or cut back."""
        return self._seen["rows"]

    def refresh(self) -> Run:
        """Add what was written since the last look; the same Run each time."""
        try:
            with contextlib.closing(_open_to_read(self.path)) as db:
                self._read(db)
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"the record {self.path} can't be read: {error}") from error
        return self.run

    def _read(self, db: sqlite3.Connection) -> None:
        row = db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        if row is None or int(row[0]) > SCHEMA:
            raise ValueError(f"it has schema {row and row[0]}, this babysit reads {SCHEMA} and older")
        run, seen = self.run, self._seen
        run.written = Written(writer_in(db), stamp(self.path)[0])
        for name, value, version in db.execute(
            "SELECT * FROM facts WHERE version > ? ORDER BY version", (seen["facts"],)
        ):
            run.set_fact(name, json.loads(value))
            seen["facts"] = version
        for number, keys in db.execute("SELECT id, keys FROM layouts"):
            if number not in self._layouts:
                self._layouts[number] = [(what, where) for what, where in json.loads(keys)]
        query = "SELECT id, step, seconds, layout, data FROM rows WHERE id > ? ORDER BY id"
        rows = db.execute(query, (seen["rows"],))
        while chunk := rows.fetchmany(CHUNK):
            self._add(chunk)
            seen["rows"] = chunk[-1][0]
        query = "SELECT id, step, kind, place, detail FROM events WHERE id > ? ORDER BY id"
        for number, step, kind, place, detail in db.execute(query, (seen["events"],)):
            run.add_event(Event(step, kind, place, json.loads(detail)))
            seen["events"] = number
        query = "SELECT id, step, what, place, shape, data FROM vectors WHERE id > ? ORDER BY id"
        for number, step, what, place, shape, data in db.execute(query, (seen["vectors"],)):
            run.add_vector(step, what, place, np.frombuffer(data, np.float32).reshape(json.loads(shape)))
            seen["vectors"] = number
        rows = db.execute("SELECT value FROM findings ORDER BY id").fetchall()
        run.findings = [Finding.from_dict(json.loads(value)).edit(run=run) for (value,) in rows]

    def _add(self, rows: list[tuple[int, int, float, int, bytes]]) -> None:
        """Rows as columns: 50 layers x 12 readings x 20,000 steps in half a second, not in nine."""
        steps = np.array([row[1] for row in rows], np.int64)
        layouts = np.array([row[3] for row in rows])
        parts: dict[Key, list[tuple[np.ndarray, np.ndarray]]] = {}
        for layout in dict.fromkeys(layouts.tolist()):
            keys, at = self._layouts[layout], np.flatnonzero(layouts == layout)
            table = np.frombuffer(b"".join(rows[index][4] for index in at)).reshape(len(at), len(keys))
            for key, values in zip(keys, table.T, strict=True):
                parts.setdefault(key, []).append((at, values))
        for key, found in parts.items():
            at, values = found[0]
            if len(found) > 1:  # the same reading in rows of several layouts: back into the order of the rows
                at, values = (np.concatenate(one) for one in zip(*found, strict=True))
                order = np.argsort(at)
                at, values = at[order], values[order]
            self.run.extend(key, steps if len(at) == len(steps) else steps[at], values)
        self.run.step = max(self.run.step, int(steps.max()))
        self.run.seconds = float(rows[-1][2])
        self.run.begun = float(rows[0][2]) if self.run.begun is None else self.run.begun


def writer_in(db: sqlite3.Connection) -> dict[str, Any] | None:
    """Who signed a record that isn't laid down."""
    row = db.execute("SELECT value FROM meta WHERE name = 'writer'").fetchone()
    return json.loads(row[0]) if row is not None else None


def stamp(path: Path) -> tuple[float, int]:
    """When a file, its write-ahead log included, last changed (seconds, Unix), and how large it is."""
    latest, size = 0.0, 0
    for one in (path, Path(f"{path}-wal")):
        with contextlib.suppress(OSError):
            status = one.stat()
            if one is not path and not status.st_size:
                continue  # an empty one comes and goes with whoever reads
            latest, size = max(latest, status.st_mtime), size + status.st_size
    return latest, size


def read(folder: str | Path) -> Run:
    """The run stored in a folder (or in its file). Raises RecordError when it can't be read.

    Where several processes trained together, what depends on the examples is taken over all of them.
    """
    run = Reader(folder).run
    others = ranks.beside(run.folder) if run.folder is not None else []
    if not others:
        return run
    whole = ranks.merged([run, *(Reader(one).run for one in others)])
    whole.findings = [finding.edit(run=whole) for finding in run.findings]
    return whole


def has_ended(folder: Path) -> bool:
    """Is the record in this folder complete and closed?"""
    path = folder / FILE
    try:
        return path.is_file() and bool(Reader(path).run.events_of("end")) and not Path(f"{path}-wal").exists()
    except RecordError:
        return False


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10, check_same_thread=False)
    mode = "TRUNCATE" if on_network(path) else "WAL"
    db.execute(f"PRAGMA journal_mode={mode}")
    db.execute("PRAGMA synchronous=NORMAL")
    return db


def _open_to_read(path: Path) -> sqlite3.Connection:
    uri = path.resolve().as_uri()
    db = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=5)
    try:
        db.execute("SELECT 1 FROM meta").fetchone()
    except sqlite3.OperationalError:
        db.close()
        if os.access(path.parent, os.W_OK):
            raise
        db = sqlite3.connect(f"{uri}?immutable=1", uri=True)  # a read-only folder can't hold the -shm file
    return db


def on_network(path: Path) -> bool:
    """Does the file lie on a network file system (by /proc/mounts; False where that is unknown)?"""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    real, best, kind = str(path.parent.resolve()), "", ""
    for line in mounts:
        _, place, name, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        inside = real == place or real.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, name
    return kind in _NETWORK


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value) if not isinstance(value, float) or math.isfinite(value) else None
