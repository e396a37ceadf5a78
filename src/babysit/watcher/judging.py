"""Judging while it trains: the doctor is asked within the budget, and at once when something certain shows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from ..record import Finding, Run
from ..record.finding import SEVERITIES
from .budget import Budget
from .recording import Recording

EARLY = (1, 3, 5, 8, 10, 15, 20, 30, 50)
"""Steps at which the run is judged whatever that costs (within the start's allowance)."""
SHARE = 0.3
"""Of the budget, what judging may take."""


class Stop(SystemExit):
    """Raised in a training that is to end here: hopeless, or long enough. The script's own cleanup runs."""

    def __init__(self, reason: str) -> None:
        super().__init__(0)
        self.reason = reason


@dataclass
class Verdict:
    """A judgement, where there is no doctor to ask."""

    status: str = "unknown"
    findings: list[Finding] = field(default_factory=list)
    reason: str = ""


class Judge:
    """Asks the doctor, remembers what was said, and tells each finding once, when it is sure."""

    def __init__(self, run: Run, *, rules: Iterable[Any] | None, show: Any, stop_on: str | None) -> None:
        self.run, self.rules, self.show, self.stop_on = run, rules, show, stop_on
        self.budget: Budget | None = None
        self.recording: Recording | None = None
        self.observer: Any = None
        self.spent = 0.0
        self.stop: Finding | None = None
        self._verdict: Any = None
        self._judged = (-1, False)
        self._told: dict[str, int] = {}
        self._cost = 0.0
        self._next = 0

    def after_commit(self, step: int, urgent: bool) -> None:
        """Readings of a step were written: look at them now?"""
        if hasattr(self.show, "update"):
            self.show.update(self.run)
        if not (urgent or self._due(step)):
            return
        self.judge()

    def _due(self, step: int) -> bool:
        if step in EARLY:
            return True
        loss = self.run.last("loss.train")
        if step > 1 and not math.isfinite(loss) and self.run.has("loss.train"):
            return self._cheap(10.0)
        return step >= self._next and self._cheap(1.0)

    def _cheap(self, factor: float) -> bool:
        budget = self.budget
        if budget is None or budget.overhead is None:
            return self.spent < 0.05 * factor * (budget.elapsed if budget else math.inf)
        return self.spent + self._cost < factor * SHARE * budget.overhead * budget.elapsed

    def judge(self, *, final: bool = False) -> Any:
        """Ask the doctor about the run as it is."""
        began = perf_counter()
        self._verdict = self._ask()
        self._judged = (self.run.version, final)
        self._cost = perf_counter() - began
        self.spent += self._cost
        self._next = self.run.step + max(5, self.run.step // 20)
        self._tell(final)
        return self._verdict

    def _ask(self) -> Any:
        try:
            from .. import doctor
        except ImportError:
            return Verdict("findings" if self.run.findings else "unknown", list(self.run.findings))
        verdict = doctor.diagnose(self.run, rules=self.rules) if self.rules is not None else doctor.diagnose(self.run)
        if isinstance(verdict, list):
            verdict = Verdict("findings" if verdict else "healthy", verdict)
        return verdict

    def _tell(self, final: bool) -> None:
        findings = list(self._verdict.findings)
        self.run.findings = findings
        for one in findings:
            known = self._told.get(one.id, -1)
            grade = SEVERITIES.index(one.severity)
            if one.explained_by is not None or grade < 1 or grade <= known or one.stage == "symptom":
                continue
            self._told[one.id] = grade
            if self.recording is not None:
                self.recording.add_event(
                    self.run.step, "finding", one.where or "", {"id": one.id, "severity": one.severity}
                )
            if self.show is not None and not final:
                (self.show.finding if hasattr(self.show, "finding") else self.show)(one)
            if self.stop_on and grade >= SEVERITIES.index(self.stop_on) and self.stop is None:  # type: ignore[arg-type]
                self.stop = one
                if self.observer is not None:
                    self.observer.stop = Stop(f"{one.id}: {one.message}")

    def now(self, *, final: bool) -> Any:
        """The judgement on what was seen so far; asked anew only when something was added."""
        if self._judged[0] != self.run.version:
            self.judge(final=final)
        return self._verdict

    def last(self) -> None:
        """The training is over."""
        self.judge(final=True)
