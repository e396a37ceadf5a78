"""Cure: watch, try what the findings propose, prove what helps.

    1  the program runs once, watched: its findings are the suspects, its score is the one to beat
    2  screening: each edit once, same seeds; one that clearly loses is ended at half time
    3  the best edit together with each other one that helped
    4  proof: the best ones and the unedited program over five seeds, paired

The cause is confirmed when a remedy of it is proven; nothing else is.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..doctor import diagnose
from ..record import Finding, Run
from ..record.store import read
from . import source
from .attempt import Attempt, Order, Program, run_all
from .plan import Candidate, candidates, general, pairs, root_of
from .program import Script
from .proof import SEEDS, SMALLEST_GAIN, Comparison, compare, mean, sd

TIMES = 10
"""A cure takes at most so many times as long as the program, where no time is told."""
AT_LEAST = 30.0
"""Seconds that a cure may take however short the program is."""
SCREENING = 0.4
"""Share of the time for screening; the rest is for the proof, without which screening is worth nothing."""
MOST_CANDIDATES = 14
NEARLY_PERFECT = 0.98
BALANCED = ("minority-class-ignored",)

Tell = Callable[[str], None]


@dataclass
class Try:
    """A candidate and what became of it."""

    candidate: Candidate
    screened: Attempt | None = None
    scores: dict[int, float] = field(default_factory=dict)
    comparison: Comparison | None = None
    seconds: float = 0.0

    @property
    def proven(self) -> bool:
        """Was it shown over all seeds that it helps?"""
        return self.comparison is not None and self.comparison.proven

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

    @property
    def best(self) -> Try | None:
        """The best proven try."""
        return self.tries[0] if self.tries and self.tries[0].proven else None

    def to_dict(self) -> dict[str, Any]:
        """The public JSON form (schema 1)."""
        return {
            "schema": 1,
            "status": self.status,
            "findings": [finding.to_dict() for finding in self.findings],
            "tries": [one.to_dict(self.kind, self.baseline.values()) for one in self.tries],
            "diff": self.diff,
        }


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


@dataclass
class _Work:
    """The state of one cure: the program, the clock, what is known so far."""

    program: Program
    jobs: int
    until: float
    tell: Tell
    steps: int | None
    first: Attempt
    balanced: bool
    baseline: dict[int, float]

    def order(self, edit: Mapping[str, Any], seed: int, *, beat: bool) -> Order:
        curve = tuple(map(tuple, self.first.curve)) if beat else ()
        seconds = max(5.0, 4 * self.first.seconds)
        return Order(edit, seed, self.steps, seconds, curve, self.balanced)  # type: ignore[arg-type]


def cure(
    train: Script | str | Path | Callable[[], Any],
    *,
    time: float | None = None,
    steps: int | None = None,
    jobs: int | None = None,
    tell: Tell = lambda text: None,
) -> Cure:
    """Find what is wrong with a program that trains, and prove a remedy.

    The program is run many times, each time in a process forked from this one.

    Args:
        train: a script's path, or a function without arguments that builds its model and trains it.
        time: seconds for everything; ten times the program's own by default, at least 30.
        steps: optimizer steps of each run at most.
        jobs: runs side by side; the cores by default.
        tell: called with a line about what is being done.

    Raises:
        RecipeError: no such script, or it is not Python.
    """
    program = _program(train)
    path = Path(program.path) if isinstance(program, Script) and not program.module else None
    return _cure(program, time, steps, jobs, path, tell)


def _program(train: Script | str | Path | Callable[[], Any]) -> Program:
    if isinstance(train, str | Path):
        train = Script(str(train))
    if isinstance(train, Script):
        train.check()
        train.warm()
        return train
    return lambda rewrite: train()


def _cure(
    program: Program, time_limit: float | None, steps: int | None, jobs: int | None, path: Path | None, tell: Tell
) -> Cure:
    began = time.monotonic()
    jobs = jobs or max(1, os.cpu_count() or 1)
    tell("watching it once")
    first, run = watched(program, Order(steps=steps, seconds=(time_limit or 3600.0) / 4))
    verdict = diagnose(run)
    findings = list(verdict.findings)
    if first.failed or not (first.steps or findings):  # without a step, a finding may say why
        return _could_not_run(first, time.monotonic() - began)
    troubled = verdict.status == "unknown" or any(one.severity != "info" for one in findings)
    if verdict.status == "healthy" or not troubled:
        reason = str(getattr(verdict, "reason", "") or "")
        return Cure("healthy", findings, kind=first.kind, reason=reason, seconds=time.monotonic() - began)
    until = began + (max(AT_LEAST, TIMES * first.seconds) if time_limit is None else time_limit)
    balanced = bool(findings) and findings[0].id in BALANCED
    # a proof that has begun is worth its time, where no time was told
    hard = until if time_limit is not None else began + 3 * (until - began)
    work = _Work(program, jobs, hard, tell, steps, first, balanced, {0: first.score})
    if balanced:
        work.baseline[0] = _again(work)
    now = time.monotonic()
    tries = _screen(work, candidates(findings)[:MOST_CANDIDATES], now + SCREENING * (until - now))
    if not _promising(work, tries):
        tell("nothing proposed helped; trying what often helps")
        tries += _screen(work, general(one.candidate for one in tries), now + (SCREENING + 0.1) * (until - now))
    tries += _screen(work, _pairs(work, tries), now + (SCREENING + 0.1) * (until - now))
    _prove(work, tries)
    result = _result(work, tries, findings, path)
    result.seconds = time.monotonic() - began
    return result


def watched(program: Program, order: Order) -> tuple[Attempt, Run]:
    """Run a program once in a fork, measured and watched; its attempt and its run."""
    folder = Path(tempfile.mkdtemp(prefix="babysit-cure-"))
    try:
        order = replace(order, record=str(folder))
        attempt = next((found for _, found in run_all(program, [order], jobs=1)), Attempt(failed="it did not start"))
        try:
            run = read(folder)
        except ValueError:
            run = Run()
        return attempt, run
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _could_not_run(first: Attempt, seconds: float) -> Cure:
    if "EOFError" in first.failed:
        why = "it asks for input, which nobody can give in a try"
    elif first.failed:
        why = "it fails by itself"
    elif first.ended == "time":
        why = "it made no optimizer step within its time: give more with --time"
    else:
        why = "it ended without one optimizer step: it does not train"
    return Cure("unknown", reason=why, failed=first.failed, traceback=first.traceback, seconds=seconds)


def _again(work: _Work) -> float:
    """The unedited score by the other measure (mean recall)."""
    found = next((one for _, one in run_all(work.program, [work.order({}, 0, beat=False)], jobs=1)), None)
    return found.score if found else math.nan


def _screen(work: _Work, plan: list[Candidate], until: float) -> list[Try]:
    """Each candidate once, with the first seed; none is begun after `until`."""
    by_order: list[tuple[Order, Candidate]] = [(work.order(one.edit, 0, beat=True), one) for one in plan]
    lookup = {id(order): candidate for order, candidate in by_order}
    found = []
    for order, attempt in run_all(work.program, [order for order, _ in by_order], jobs=work.jobs, until=until):
        candidate = lookup[id(order)]
        one = Try(candidate, attempt, seconds=attempt.seconds)
        if attempt.usable:
            one.scores[0] = attempt.score
        found.append(one)
        work.tell(f"{candidate.title}: {_outcome(attempt, work)}")
    return found


def _outcome(attempt: Attempt, work: _Work) -> str:
    if attempt.failed:
        return f"failed: {attempt.failed}"
    if attempt.idle:
        return "nothing there to change"
    lost = " (ended early)" if attempt.ended == "lost" else ""
    return f"{work.baseline[0]:.3f} → {attempt.score:.3f}{lost}"


def _gain(work: _Work, one: Try) -> float:
    before = work.baseline[0]
    if 0 not in one.scores:
        return -math.inf
    return one.scores[0] - (before if math.isfinite(before) else -1.0)


def _promising(work: _Work, tries: list[Try]) -> list[Try]:
    """Those that helped on the first seed, best first; the plan's order decides within a point."""
    helped = [one for one in tries if _gain(work, one) >= SMALLEST_GAIN]
    return sorted(helped, key=lambda one: -round(_gain(work, one), 2))


def _pairs(work: _Work, tries: list[Try]) -> list[Candidate]:
    """Two edits together, where the best alone leaves something to gain."""
    helped = _promising(work, tries)
    if not helped or helped[0].scores[0] > NEARLY_PERFECT:
        return []
    return pairs(helped[0].candidate, [one.candidate for one in helped[1:]])


def _prove(work: _Work, tries: list[Try], most: int = 3) -> None:
    """The most promising over all seeds, in turn, until one is proven and the rest can't be better."""
    for rank, one in enumerate(_promising(work, tries)[:most]):
        if rank and any(other.proven for other in tries) and time.monotonic() > work.until:
            return
        seeds = range(1, SEEDS)
        orders = [work.order({}, seed, beat=False) for seed in seeds if seed not in work.baseline]
        orders += [work.order(one.candidate.edit, seed, beat=False) for seed in seeds]
        for order, attempt in run_all(work.program, orders, jobs=work.jobs, until=work.until):
            one.seconds += attempt.seconds if order.edit else 0.0
            if order.edit:
                if attempt.usable:
                    one.scores[order.seed] = attempt.score
            else:
                work.baseline[order.seed] = attempt.score if attempt.steps else math.nan
        both = [seed for seed in sorted(one.scores) if seed in work.baseline]
        worst = [_finite(work.baseline[seed]) for seed in both]
        one.comparison = compare(worst, [_finite(one.scores[seed]) for seed in both])
        work.tell(f"{one.candidate.title}: {'proven' if one.proven else 'not proven'} over {len(both)} seeds")
        if one.proven:
            return


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -1.0


def _result(work: _Work, tries: list[Try], findings: list[Finding], path: Path | None) -> Cure:
    ranked = sorted(tries, key=lambda one: (not one.proven, -_gain(work, one)))
    best = ranked[0] if ranked and ranked[0].proven else None
    if best is not None:
        cause = root_of(best.candidate.finding, findings)
        best.candidate = replace(best.candidate, finding=cause)
        findings = [_confirmed(one) if one.id == cause else one for one in findings]
        findings.sort(key=lambda one: one.id != cause)
    notes = []
    if work.first.wrote:
        shown = ", ".join(work.first.wrote[:3])
        notes.append(f"every try writes what the program writes ({shown}); --sandbox keeps that in a folder of its own")
    change = source.diff(path, best.candidate.edit) if best is not None and path is not None else None
    status = "cured" if best is not None else "not-cured"
    return Cure(status, findings, ranked, work.baseline, work.first.kind, change, notes)


def _confirmed(finding: Finding) -> Finding:
    return replace(finding, stage="confirmed", confidence=max(finding.confidence, 0.97))
