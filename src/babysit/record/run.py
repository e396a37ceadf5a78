"""The run: the record of one training, as columns of readings in memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .finding import Finding
from .shown import Shown
from .writer import Standing, Written, standing

Key = tuple[str, str]
"""(what, where): "update.ratio" of "layers.3.weight"; where is "" for a reading of the whole run."""


class Series(NamedTuple):
    """One reading over the run: `steps` (int64) and `values` (float64), both of shape (T,)."""

    steps: np.ndarray
    values: np.ndarray

    @property
    def last(self) -> float:
        """The newest value, NaN when there is none."""
        return float(self.values[-1]) if len(self.values) else math.nan

    @property
    def first(self) -> float:
        """The oldest value, NaN when there is none."""
        return float(self.values[0]) if len(self.values) else math.nan

    def tail(self, count: int) -> np.ndarray:
        """The newest `count` values."""
        return self.values[-count:]

    def since(self, step: int) -> Series:
        """The part from `step` on."""
        start = int(np.searchsorted(self.steps, step))
        return Series(self.steps[start:], self.values[start:])

    def __len__(self) -> int:  # a NamedTuple would say 2
        return len(self.values)


_SCORES = ("accuracy.train", "accuracy.val", "r2.train", "r2.val")
EMPTY = Series(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True)
class Event:
    """Something that happened once: an epoch's end, a phase, a finding's first sight."""

    step: int
    kind: str
    where: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class _Column:
    """One series that grows; with `keep`, its older half is thinned when it is full.

    Thinning drops every second point of the older half, so that the start, the shape and
    all of the newest past stay, in bounded memory however long the run is.
    """

    __slots__ = ("steps", "values")

    def __init__(self) -> None:
        self.steps = array("q")
        self.values = array("d")

    def append(self, step: int, value: float, keep: int | None) -> None:
        self.steps.append(step)
        self.values.append(value)
        if keep and len(self.steps) > keep:
            half = keep // 2
            self.steps = self.steps[:half:2] + self.steps[half:]
            self.values = self.values[:half:2] + self.values[half:]

    def series(self) -> Series:
        return Series(np.array(self.steps, np.int64), np.array(self.values, np.float64))

    def last(self) -> float:
        return self.values[-1]

    def tail(self, count: int) -> np.ndarray:
        return np.array(self.values[-count:], np.float64)


class _StoredColumn(_Column):
    """One series of a stored run: what was read stays within the rows as they lie in the file until it is asked for.

    A run of hundreds of series is opened to look at a few of them.
    """

    __slots__ = ("parts",)

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[tuple[np.ndarray, np.ndarray]] = []

    def append(self, step: int, value: float, keep: int | None) -> None:
        self._settle()
        super().append(step, value, keep)

    def series(self) -> Series:
        self._settle()
        return super().series()

    def last(self) -> float:
        return float(self.parts[-1][1][-1]) if self.parts else super().last()

    def tail(self, count: int) -> np.ndarray:
        self._settle()
        return super().tail(count)

    def _settle(self) -> None:
        for steps, values in self.parts:
            self.steps.frombytes(memoryview(np.ascontiguousarray(steps, np.int64)).cast("B"))
            self.values.frombytes(memoryview(np.ascontiguousarray(values, np.float64)).cast("B"))
        self.parts = []


class Run(Shown):
    """The record of one training: facts that don't change, readings, events, findings.

    Rules read it; nothing in it needs torch.

    Args:
        keep: the most points held in memory for one series; None holds all (stored runs).

    Examples:
        >>> run = Run.of({"loss.train": [2.3, 1.9]}, facts={"task": {"kind": "classes", "classes": 10}})
        >>> run.series("loss.train").last
        1.9
    """

    def __init__(self, keep: int | None = None) -> None:
        self.folder: Path | None = None
        self.facts: dict[str, Any] = {}
        self.events: list[Event] = []
        self.findings: list[Finding] = []
        self.step = 0
        self.seconds = 0.0  # of the newest reading, on the writer's clock; `begun` of the first
        self.begun: float | None = None
        self.written: Written | None = None  # of a stored run
        self.version = 0  # grows with every change, so that a reader knows when to look again
        self._keep = keep
        self._columns: dict[Key, _Column] = {}
        self._wheres: dict[str, list[str]] = {}
        self._vectors: dict[Key, list[tuple[int, np.ndarray]]] = {}
        self._cache: dict[Key, tuple[int, Series]] = {}
        self._changed: dict[str, int] = {}
        self._once: dict[Callable[[Run], Any], tuple[int, Any]] = {}

    @classmethod
    def of(
        cls,
        readings: Mapping[str, Iterable[float] | Mapping[str, Iterable[float]]] | None = None,
        *,
        facts: Mapping[str, Any] | None = None,
        events: Iterable[Event] = (),
        steps: Iterable[int] | None = None,
    ) -> Run:
        """A run written by hand: `{"loss.train": [2.3, 1.9], "activation.dead": {"relu1": [0.1]}}`.

        Values stand at steps 0, 1, 2 … or at `steps`.
        """
        run = cls()
        run.facts.update(facts or {})
        at = None if steps is None else list(steps)
        for what, places in (readings or {}).items():
            by_where = places if isinstance(places, Mapping) else {"": places}
            for where, values in by_where.items():
                for index, value in enumerate(values):
                    run.append(at[index] if at else index, {(what, where): value})
        run.events.extend(events)
        return run

    def __repr__(self) -> str:
        """In a line: where it lies, how long it is, how its loss went, its newest scores, what was found.

        >>> Run.of({"loss.train": [2.3, 0.25], "accuracy.val": [0.1, 0.94]})
        <Run: 1 step, loss 2.3 → 0.25, accuracy.val 0.94>
        """
        loss = self.series("loss.train")
        told = [f"{self.step} step{'s' * (self.step != 1)}"]
        told += [f"loss {loss.first:.4g} → {loss.last:.4g}"] * bool(len(loss))
        told += [f"{what} {self.last(what):.4g}" for what in ("loss.val", *_SCORES) if self.has(what)]
        roots = [one.id for one in self.findings if one.explained_by is None]
        told += [f"found: {', '.join(roots)}"] * bool(roots)
        return f"<Run{f' {self.folder}' if self.folder else ''}: {', '.join(told)}>"

    # writing

    def append(self, step: int, readings: Mapping[Key, float], seconds: float | None = None) -> None:
        """Add readings taken at one step (steps never go back)."""
        self.version += 1
        self.step = max(self.step, step)
        if seconds is not None:
            self.seconds = seconds
            self.begun = seconds if self.begun is None else self.begun
        for key, value in readings.items():
            column = self._columns.get(key)
            if column is None:
                column = self._columns[key] = _Column()
                self._wheres.setdefault(key[0], []).append(key[1])
            column.append(step, value, self._keep)
            self._changed[key[0]] = self.version

    def extend(self, key: Key, steps: np.ndarray, values: np.ndarray) -> None:
        """Add many values of one reading at once (steps (T,) never go back): how a stored run is read.

        The arrays are kept until the reading is asked for: they must not be changed.
        """
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = _StoredColumn() if self._keep is None else _Column()
            self._wheres.setdefault(key[0], []).append(key[1])
        if isinstance(column, _StoredColumn):
            column.parts.append((steps, values))
        else:
            for step, value in zip(steps.tolist(), values.tolist(), strict=True):
                column.append(step, value, self._keep)
        self.version += 1
        self._changed[key[0]] = self.version
        self.step = max(self.step, int(steps[-1]) if len(steps) else 0)

    def add_vector(self, step: int, what: str, where: str, values: np.ndarray) -> None:
        """Add a reading that is an array: a histogram, a confusion matrix, filter images."""
        self.version += 1
        kept = self._vectors.setdefault((what, where), [])
        kept.append((step, values))
        if self._keep and len(kept) > 64:
            del kept[1:32:2]
        self._changed[what] = self.version

    def add_event(self, event: Event) -> None:
        """Add something that happened once."""
        self.version += 1
        self.events.append(event)
        self.step = max(self.step, event.step)
        self._changed[f"event:{event.kind}"] = self.version

    def set_fact(self, name: str, value: Any) -> None:
        """Set a fact; facts are plain JSON values."""
        self.version += 1
        self.facts[name] = value
        self._changed[f"fact:{name}"] = self.version

    # reading

    def series(self, what: str, where: str = "") -> Series:
        """One reading over the run; empty when it was never taken."""
        key = (what, where)
        column = self._columns.get(key)
        if column is None:
            return EMPTY
        size = self._changed[what]
        cached = self._cache.get(key)
        if cached is None or cached[0] != size:
            cached = self._cache[key] = (size, column.series())
        return cached[1]

    def places(self, what: str) -> list[str]:
        """Where a reading was taken, in the order first seen (call order for layers)."""
        return list(self._wheres.get(what, ()))

    def each(self, what: str) -> Iterator[tuple[str, Series]]:
        """(where, series) for every place of a reading."""
        for where in self.places(what):
            yield where, self.series(what, where)

    def last(self, what: str, where: str = "", default: float = math.nan) -> float:
        """The newest value of a reading, `default` when it was never taken."""
        column = self._columns.get((what, where))
        return column.last() if column else default

    def has(self, what: str) -> bool:
        """Was this ever read?"""
        return what in self._wheres

    def whats(self) -> list[str]:
        """The names of all readings taken."""
        return list(self._wheres)

    def vectors(self, what: str, where: str = "") -> list[tuple[int, np.ndarray]]:
        """(step, array) of an array reading, oldest first."""
        return list(self._vectors.get((what, where), ()))

    def vector_places(self, what: str) -> list[str]:
        """Where an array reading was taken."""
        return [place for name, place in self._vectors if name == what]

    def arrays(self) -> Iterator[tuple[Key, list[tuple[int, np.ndarray]]]]:
        """((what, where), its (step, array) pairs) of every array reading."""
        for key, kept in self._vectors.items():
            yield key, list(kept)

    def events_of(self, kind: str) -> list[Event]:
        """All events of one kind, in order."""
        return [event for event in self.events if event.kind == kind]

    @property
    def standing(self) -> Standing | None:
        """Where a stored run stands now: "ended", "running", "stopped", "died", "silent"; None of one in memory."""
        return None if self.written is None else standing(bool(self.events_of("end")), self.written)

    def fact(self, name: str, default: Any = None) -> Any:
        """A fact, or `default`."""
        return self.facts.get(name, default)

    def changed(self, what: str) -> int:
        """The `version` at which a reading ("loss.train"), fact ("fact:task") or event ("event:val") last changed."""
        return self._changed.get(what, 0)

    def once(self, function: Callable[[Run], Any], *names: str) -> Any:
        """`function(run)`, worked out once for each version of the run, or of the readings and facts it is said to rest on."""
        version = max(map(self.changed, names)) if names else self.version
        kept = self._once.get(function)
        if kept is None or kept[0] != version:
            kept = self._once[function] = (version, function(self))
        return kept[1]

    def tail(self, what: str, where: str, count: int) -> np.ndarray:
        """The newest `count` values of a reading, without the rest of its series."""
        column = self._columns.get((what, where))
        return column.tail(count) if column else EMPTY.values
