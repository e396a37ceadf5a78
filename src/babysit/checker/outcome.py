"""What a cure comes to: its tries, the proof, the cause; plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..record import Finding
from .attempt import Attempt
from .plan import Candidate
from .proof import SEEDS, Comparison, mean, sd


@dataclass
class Try:
    """A candidate and what became of it; `number` is its place in the order of trying."""

    candidate: Candidate
    screened: Attempt | None = None
    scores: dict[int, float] = field(default_factory=dict)
    comparison: Comparison | None = None
    seconds: float = 0.0
    number: int = 0

    @property
    def proven(self) -> bool:
        """Was it shown over all seeds that it helps?"""
        return self.comparison is not None and self.comparison.proven

    @property
    def lost(self) -> bool:
        """Was it ended early, behind?"""
        return self.screened is not None and self.screened.ended == "lost"

    def words(self, kind: str) -> str:
        """`validation accuracy 0.11 ± 0.01 → 0.96 ± 0.01 in 5 of 5 seeds, p = 0.031, 40 s`."""
        if self.comparison is None:
            return ""
        before, after = self.comparison.before, self.comparison.after
        better = sum(new > old for old, new in zip(before, after, strict=True))
        spread = [f"{mean(values):.3f} ± {sd(values):.3f}" for values in (before, after)]
        return (
            f"{kind} {spread[0]} → {spread[1]} in {better} of {len(after)} seeds, "
            f"p = {self.comparison.p:.2g}, {self.seconds:.0f} s"
        )

    def to_dict(self, kind: str, before: Iterable[float]) -> dict[str, Any]:
        """The public JSON form (schema 1)."""
        old = list(self.comparison.before) if self.comparison else list(before)
        new = list(self.comparison.after) if self.comparison else list(self.scores.values())
        return {
            "finding": self.candidate.finding or None,
            "title": self.candidate.title,
            "edit": dict(self.candidate.edit),
            "before": {"metric": kind, "mean": _plain(mean(old)), "sd": _plain(sd(old))},
            "after": {"metric": kind, "mean": _plain(mean(new)), "sd": _plain(sd(new))},
            "seeds": len(new),
            "p": self.comparison.p if self.comparison else None,
            "proven": self.proven,
            "seconds": round(self.seconds, 2),
        }


@dataclass
class Cure:
    """What a cure came to.

    Attributes:
        status: "cured", "not-cured", "healthy" or "unknown".
        tries: the best proven first, then what helped less, then what didn't.
        diff: the source change of the best proven try, where it can be written without guessing.
        notes: what the user should know: side effects, why nothing could be judged.
        kind: what the score is, "validation accuracy" for one.
        failed: the program's own error when it didn't run, `traceback` the whole of it.
        seconds: of the whole cure; `watched`: of the one watched run at its start.
        folder: of the record of the watched run, with the proof in its findings; "" where none is kept.
    """

    status: str
    findings: list[Finding] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    baseline: dict[int, float] = field(default_factory=dict)
    kind: str = ""
    diff: str | None = None
    notes: list[str] = field(default_factory=list)
    reason: str = ""
    failed: str = ""
    traceback: str = ""
    seconds: float = 0.0
    watched: float = 0.0
    folder: str = ""

    @property
    def best(self) -> Try | None:
        """The best proven try."""
        return self.tries[0] if self.tries and self.tries[0].proven else None

    @property
    def unfinished(self) -> Try | None:
        """The best try that was better with every seed, clearly, and ran out of time before that was a proof."""
        hopeful = [
            one
            for one in self.tries
            if one.comparison is not None
            and len(one.comparison.after) < SEEDS
            and one.comparison.gain >= one.comparison.least
            and all(new > old for old, new in zip(one.comparison.before, one.comparison.after, strict=True))
        ]
        return max(hopeful, key=lambda one: one.comparison.gain if one.comparison else 0.0, default=None)

    @property
    def why_not(self) -> str:
        """Why nothing is proven."""
        if not self.tries:
            return "there was no time to try anything"
        hope = self.unfinished
        if hope is None:
            return "nothing that was tried is better by more than noise"
        return (
            f"the time was up before this was proven: {hope.candidate.title}, {hope.words(self.kind)}. "
            f"{SEEDS} seeds can be a proof: --time {math.ceil(2 * self.seconds / 60)}m"
        )

    def to_dict(self) -> dict[str, Any]:
        """The public JSON form (schema 1)."""
        return {
            "schema": 1,
            "status": self.status,
            "findings": [finding.to_dict() for finding in self.findings],
            "tries": [one.to_dict(self.kind, self.baseline.values()) for one in self.tries],
            "diff": self.diff,
        }

    def to_record(self) -> dict[str, Any]:
        """What is kept in the run's record: the public form, and the proof in words for the finding that it confirms."""
        best = self.best
        proof = [f"{best.candidate.title}: {best.words(self.kind)}"] if best is not None else []
        return {**self.to_dict(), "cause": best.candidate.finding if best is not None else None, "proof": proof}


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
