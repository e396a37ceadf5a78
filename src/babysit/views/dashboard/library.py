"""A folder of runs: which there are, what each came to, and one opened to be read while it is written."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RecordError
from ...record import Run
from ...record.store import FILE, Reader, _open_to_read, stamp, writer_in
from ...record.study import Study
from ...record.writer import Written, standing
from ..panel import Maker
from ..source import STUDY, read_study
from ..study import is_share
from ..words import clean, ending

OPEN = 6
"""Runs kept open at once; the one looked at longest ago is let go."""
DEEP = 3
"""Folders below the served one that are looked into."""
MOST = 10_000


@dataclass
class Entry:
    """One run of the folder, as its own file tells it."""

    name: str
    kind: str
    changed: float
    problem: str = ""
    steps: int = 0
    seconds: float = 0.0
    ended: bool = False
    ending: tuple[str, str] = ("", "")
    writer: dict[str, Any] | None = None
    loss: float | None = None
    val: float | None = None
    score: float | None = None
    share: bool = True
    findings: list[str] = field(default_factory=list)
    worst: str = ""
    curve: list[float] = field(default_factory=list)

    @property
    def standing(self) -> str:
        """As it is now: a process that dies changes no file."""
        return "damaged" if self.kind == "damaged" else standing(self.ended, Written(self.writer, self.changed))


class Library:
    """The runs below a folder. Safe to use from several threads.

    Args:
        folder: a folder of runs, or one run's own.
        judge: what says what is wrong with a run that has no findings stored (`status`, `findings`, `reason`).
    """

    def __init__(self, folder: str | Path, judge: Callable[[Run], Any] | None = None) -> None:
        self.folder = Path(folder).resolve()
        self.judge = judge
        self._lock = threading.RLock()
        self._entries: dict[str, tuple[tuple[float, int], Entry]] = {}
        self._open: OrderedDict[str, Opened] = OrderedDict()
        self._turns: dict[str, threading.Lock] = {}

    def entries(self) -> list[Entry]:
        """Every run and study, newest first; damaged ones too, with what is wrong with them."""
        with self._lock:
            found = []
            for path, kind in self._places():
                name = self._name(path)
                now = stamp(path / (FILE if kind == "run" else STUDY))
                kept = self._entries.get(name)
                if kept is None or kept[0] != now:
                    kept = self._entries[name] = (now, _look(path, name, kind, now[0]))
                found.append(kept[1])
            return sorted(found, key=lambda entry: (-entry.changed, entry.name))

    def path(self, name: str) -> Path:
        """The folder of a run by its name as listed; nothing else can be named.

        Raises:
            RecordError: there is no such run in this folder.
        """
        if "\0" not in name and not name.startswith(("/", "\\")):
            for path, _ in self._places():
                if self._name(path) == name:
                    return path
        raise RecordError(f"this folder has no run {clean(name, 80)!r}")

    def run(self, name: str) -> Opened:
        """A run, opened (or still open) and read up to now.

        Raises:
            RecordError: there is none of that name, or it is damaged.
        """
        with self._lock:
            opened, turn = self._open.get(name), self._turns.setdefault(name, threading.Lock())
        if opened is None:
            with turn:  # whoever asks for the same run waits for it, whoever asks for another needn't
                opened = self._open.get(name) or Opened(name, Reader(self.path(name)), self.judge)
                self._open[name] = opened
        with self._lock:
            self._turns.pop(name, None)
            self._open[name] = opened
            self._open.move_to_end(name)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        opened.refresh()
        return opened

    def open_newest(self) -> None:
        """Open the run that was written last, where none is open yet.

        Raises:
            RecordError: it is damaged.
        """
        runs = [(stamp(path / FILE), self._name(path)) for path, kind in self._places() if kind == "run"]
        if runs and not self._open:
            self.run(max(runs)[1])

    def study(self, name: str) -> Study:
        """A study by its name as listed.

        Raises:
            RecordError: there is none of that name, or it is damaged.
        """
        return read_study(self.path(name))

    def is_study(self, name: str) -> bool:
        """Is what is listed under this name a study?"""
        kept = self._entries.get(name)
        if name in self._open:
            return False
        return kept[1].kind == "study" if kept is not None else (self.path(name) / STUDY).is_file()

    def stamp(self, name: str | None = None) -> float:
        """Changes when a run comes, goes, is written, or dies; of one study, when it does."""
        places = [(self.path(name), "study")] if name is not None else self._places()
        return sum(self._sign(path, kind) for path, kind in places)

    def _sign(self, path: Path, kind: str) -> int:
        name = self._name(path)
        known = self._entries.get(name)
        how = known[1].standing if known is not None and not known[1].ended else ""
        return hash((name, stamp(path / (FILE if kind == "run" else STUDY)), how)) % 1_000_003

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix() if path != self.folder else path.name

    def _places(self) -> Iterator[tuple[Path, str]]:
        """(folder, "run" or "study") in the served folder and below; links are not followed out of it."""
        waiting, seen = [(self.folder, 0)], 0
        while waiting and seen < MOST:
            folder, depth = waiting.pop()
            try:
                with os.scandir(folder) as inside:
                    entries = sorted(inside, key=lambda one: one.name)
            except OSError:
                continue
            names = {one.name: one for one in entries}
            for file, kind in ((FILE, "run"), (STUDY, "study")):
                if file in names and not names[file].is_symlink():
                    seen += 1
                    yield folder, kind
                    break
            if depth < DEEP:
                waiting += [(Path(one.path), depth + 1) for one in entries if one.is_dir(follow_symlinks=False) and not one.name.startswith(".")]  # fmt: skip


class Opened:
    """One run being read: `run`, and the verdict on it."""

    def __init__(self, name: str, reader: Reader, judge: Callable[[Run], Any] | None) -> None:
        self.name, self.reader, self.judge = name, reader, judge
        self.lock = threading.RLock()
        self._stamp: Any = None
        self._file: int | None = None
        self._base = 0
        self._judged: tuple[int, Any] | None = None

    @property
    def run(self) -> Run:
        return self.reader.run

    @property
    def version(self) -> int:
        """Grows with every change, also over a file begun anew."""
        return self._base + self.run.version

    def version_of(self, maker: Maker) -> int:
        """The version at which what a panel reads last changed; 0 while it has nothing."""
        own = maker.version(self.run)
        return self._base + own if own else 0

    def refresh(self) -> int:
        """Read what is new; the version."""
        with self.lock:
            now = stamp(self.reader.path)
            if now != self._stamp:
                self._anew()
                before = [finding.id for finding in self.run.findings]
                self.reader.refresh()
                self._stamp = now
                if before != [finding.id for finding in self.run.findings]:
                    self.run.version += 1
            return self.version

    def _anew(self) -> None:
        """Start again where the file is another one, or was cut back (a run that is resumed): what is new isn't all."""
        path = self.reader.path
        try:
            file = path.stat().st_ino
            with contextlib.closing(_open_to_read(path)) as db:
                newest = db.execute("SELECT max(id) FROM rows").fetchone()[0] or 0
        except (OSError, sqlite3.Error) as error:
            raise RecordError(f"the record {path.parent.name} can't be read: {clean(error, 200)}") from error
        if (self._file not in (None, file)) or newest < self.reader.rows_seen:
            self._base += self.run.version + 1  # a page that was told the old versions must see that these are newer
            self.reader = Reader(path)
            self._judged = None
        self._file = file

    def verdict(self) -> Any:
        """What is stored with the run; the doctor's word where that is nothing grave and the run goes on no more."""
        with self.lock:
            grave = any(one.severity != "info" for one in self.run.findings)
            if self.judge is None or grave or self.run.standing in ("running", "silent"):
                return None
            if self._judged is None or self._judged[0] != self.run.version:
                try:
                    self._judged = (self.run.version, self.judge(self.run))
                except Exception:  # a doctor that fails leaves the page standing
                    self._judged = (self.run.version, None)
            return self._judged[1]


def _look(path: Path, name: str, kind: str, changed: float) -> Entry:
    entry = Entry(name, kind, changed)
    try:
        if kind == "study":
            _look_at_study(path, entry)
        else:
            with contextlib.closing(_open_to_read(path / FILE)) as db:
                _look_at_run(db, entry)
    except Exception as error:  # whatever a damaged file brings up, it is named and the others stand
        entry.kind, entry.problem = "damaged", clean(error, 200) or type(error).__name__
    return entry


def _look_at_study(path: Path, entry: Entry) -> None:
    study = read_study(path)
    entry.steps, entry.seconds = len(study.trials), study.seconds
    entry.ended, entry.writer = study.ended, study.writer
    with contextlib.suppress(ValueError):  # nothing was trained yet
        entry.score = study.best.score
    entry.share = is_share(study)
    entry.findings = [clean(one.id, 60) for one in study.findings]
    entry.worst = "warning" if study.findings else ""


def _look_at_run(db: sqlite3.Connection, entry: Entry) -> None:
    if db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone() is None:
        raise RecordError("it has no schema")
    layouts = {
        number: [tuple(key) for key in json.loads(keys)] for number, keys in db.execute("SELECT id, keys FROM layouts")
    }
    last = db.execute("SELECT id, step, seconds FROM rows ORDER BY id DESC LIMIT 1").fetchone()
    if last is not None:
        first = db.execute("SELECT seconds FROM rows ORDER BY id LIMIT 1").fetchone()
        entry.steps, entry.seconds = int(last[1]), max(0.0, last[2] - first[0])
        at = sorted({1 + round(index * (last[0] - 1) / 39) for index in range(40)})
        marks = ",".join("?" * len(at))
        rows = db.execute(f"SELECT layout, data FROM rows WHERE id IN ({marks}) ORDER BY id", at).fetchall()
        entry.curve = [one for one in (_value(layouts, row, ("loss.train", "")) for row in rows) if one is not None]
    for what, into in (("loss.train", "loss"), ("loss.val", "val"), ("accuracy.val", "score"), ("r2.val", "score")):
        found = [number for number, keys in layouts.items() if (what, "") in keys]
        if found and getattr(entry, into) is None:
            marks = ",".join("?" * len(found))
            row = db.execute(
                f"SELECT layout, data FROM rows WHERE layout IN ({marks}) ORDER BY id DESC LIMIT 1", found
            ).fetchone()
            setattr(entry, into, _value(layouts, row, (what, "")) if row else None)
            entry.share = what != "r2.val"
    entry.writer = writer_in(db)
    end = db.execute("SELECT detail FROM events WHERE kind = 'end' ORDER BY id DESC LIMIT 1").fetchone()
    entry.ended = end is not None
    entry.ending = ending(json.loads(end[0])) if end is not None else ("", "")
    findings = [json.loads(value) for (value,) in db.execute("SELECT value FROM findings ORDER BY id")]
    roots = [one for one in findings if not one.get("explained_by")]
    entry.findings = [clean(one.get("id", "?"), 60) + " (a note)" * (one.get("severity") == "info") for one in roots]
    found = {one.get("severity") for one in findings}
    entry.worst = next((one for one in ("error", "warning") if one in found), "")


def _value(layouts: dict[int, list[tuple[str, str]]], row: tuple[int, bytes], key: tuple[str, str]) -> float | None:
    keys = layouts[row[0]]
    if key not in keys:
        return None
    value = float(np.frombuffer(row[1])[keys.index(key)])
    return value if abs(value) < float("inf") else None
