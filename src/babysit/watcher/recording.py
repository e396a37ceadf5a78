"""Where readings go: the run in memory, its file on disk where there is one, and the sinks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..record import Event, Run, Store
from ..record.run import Key
from ..sinks import Sinks


class Recording:
    """A run in memory, with a folder its store, and trackers of others; all get the same."""

    def __init__(self, run: Run, folder: str | Path | None = None, sinks: Sinks | None = None) -> None:
        self.run = run
        self.sinks = sinks
        self.store = Store(folder) if folder is not None else None
        if folder is not None:
            run.folder = Path(folder)

    def append(self, step: int, readings: Mapping[Key, float], seconds: float) -> None:
        """Readings of one step."""
        self.run.append(step, readings, seconds)
        if self.store is not None:
            self.store.append(step, readings, seconds)
        if self.sinks is not None:
            self.sinks.write(step, readings)

    def extend(self, key: Key, steps: list[int], values: list[float], seconds: float) -> None:
        """One reading of many steps."""
        self.run.extend(key, np.array(steps, np.int64), np.array(values, np.float64))
        self.run.seconds = seconds
        self.run.begun = seconds if self.run.begun is None else self.run.begun
        if self.store is not None:
            self.store.extend(key, steps, values, seconds)
        if self.sinks is not None:
            for step, value in zip(steps, values, strict=True):
                self.sinks.write(step, {key: value})

    def add_vector(self, step: int, what: str, where: str, values: np.ndarray) -> None:
        """A reading that is an array."""
        self.run.add_vector(step, what, where, values)
        if self.store is not None:
            self.store.add_vector(step, what, where, values)

    def add_event(self, step: int, kind: str, where: str = "", detail: Mapping[str, Any] | None = None) -> None:
        """Something that happened."""
        event = Event(step, kind, where, detail or {})
        self.run.add_event(event)
        if self.store is not None:
            self.store.add_event(event)

    def set_fact(self, name: str, value: Any) -> None:
        """A fact, written only when it is new or has changed."""
        if self.run.facts.get(name) == value:
            return
        self.run.set_fact(name, value)
        if self.store is not None:
            self.store.set_fact(name, value)

    def close(self) -> None:
        """Everything is on disk after this."""
        if self.sinks is not None:
            self.sinks.close()
            for choice, why in self.sinks.failed.items():
                self.add_event(self.run.step, "warning", "", {"text": f"the sink {choice} was left out: {why}"})
            if self.sinks.lost:
                self.add_event(
                    self.run.step, "warning", "", {"text": f"sinks were too slow for {self.sinks.lost} steps"}
                )
        if self.store is not None:
            self.store.set_findings(self.run.findings)
            self.store.close()
