"""Judging while it trains: the doctor is asked within the budget, and at once when something certain shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..doctor import Doctor, Verdict
from ..record import Finding, Run
from ..record.finding import SEVERITIES
from .budget import Budget, own_time
from .recording import Recording

EARLY = (2, 3, 5, 8, 10, 14, 20, 30, 50)
"""Steps at which the run is judged whatever that costs."""
SHARE = 0.3
"""Of the budget, what judging may take."""


class Stop(SystemExit):
    """Raised in a training that is to end here: hopeless, or long enough. The script's own cleanup runs."""

    def __init__(self, reason: str) -> None:
        super().__init__(0)
        self.reason = reason


class Judge:
    """Asks the doctor and tells each finding once, when it is sure.

    Args:
        show: gets each finding: an object with `finding` (and `update`), or a function.
        stop_on: the severity that ends the training.

    Attributes:
        stop: what the training is to be ended with, once it is.
    """

    def __init__(self, run: Run, recording: Recording, budget: Budget, *, rules: Iterable[Any] | None, show: Any, stop_on: str | None) -> None:  # fmt: skip
        self.run, self.recording, self.budget, self.show = run, recording, budget, show
        self.stop_on = SEVERITIES.index(stop_on) if stop_on else None  # type: ignore[arg-type]
        self.doctor = Doctor(rules)
        self.spent = 0.0
        self.stop: Stop | None = None
        self.looks = 0
        self._verdict: Verdict | None = None
        self._at = -1
        self._cost = 0.0
        self._next = 0

    def after_commit(self, step: int, urgent: bool) -> None:
        """Readings of a step were written: look at them now?"""
        if hasattr(self.show, "update"):
            self.show.update(self.run)
        if step in EARLY or (urgent and self._affordable(5.0)) or (step >= self._next and self._affordable(1.0)):
            self.look()

    def _affordable(self, factor: float) -> bool:
        overhead = 0.03 if self.budget.overhead is None else self.budget.overhead
        return self.spent + self._cost < factor * (0.05 + SHARE * overhead * self.budget.elapsed)

    def look(self) -> None:
        """Ask the doctor what has become sure."""
        began = own_time()
        for one in self.doctor.look(self.run):
            self._tell(one)
        self.looks += 1
        self._cost = own_time() - began
        self.spent += self._cost
        self._next = self.run.step + max(5, self.run.step // 20)

    def _tell(self, one: Finding) -> None:
        self.recording.add_event(self.run.step, "finding", one.where or "", {"id": one.id, "severity": one.severity})
        if self.show is not None:
            (self.show.finding if hasattr(self.show, "finding") else self.show)(one)
        if self.stop_on is not None and SEVERITIES.index(one.severity) >= self.stop_on and self.stop is None:
            self.stop = Stop(f"{one.id}: {one.message}")

    def verdict(self) -> Verdict:
        """The judgement on what was seen so far; asked anew only when something was added."""
        if self._verdict is None or self._at != self.run.version:
            self._verdict = self.doctor.verdict(self.run)
            self.run.findings = list(self._verdict.findings)
            self._at = self.run.version
        return self._verdict
