"""Cure: watch, try what the findings propose, prove what helps.

    1  the program runs once, watched: its findings are the suspects, its score is the one to beat
    2  screening: each edit once, same seeds; one that clearly loses is ended on the way
    3  where that isn't enough, what often helps, in the order of the evidence
    4  the best edit together with others
    5  proof: the best one and the unedited program over five seeds, paired; more where five leave it open

The cause is confirmed when a remedy of it is proven; nothing else is.
"""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..doctor import Verdict, diagnose
from ..errors import OutputError
from ..record import Finding, Run
from ..record.store import Store, read
from ..rules._progress import progress
from . import source
from .attempt import Attempt, Order, Program, run_all
from .cause import confirm
from .ladder import general, partners
from .outcome import Cure, Try
from .plan import candidates, comparable, firsts, further, settled, together
from .program import Script
from .trying import Runs, Trying

TIMES = 10
"""A cure takes at most so many times as long as the program, where no time is told."""
AT_LEAST = 30.0
"""Seconds that a cure may take however short the program is."""
SCREENING = 0.4
"""Share of the time for screening; the rest is for pairs and the proof, without which screening is worth nothing."""
PAIRING = 0.5
MOST_CANDIDATES = 14
HALF = 0.5
"""Share of the edit's gain that the changed source must have on the same seed: weights are drawn in another order."""
UNLIKE = "the change that could be written into the source was run, and did not do what the edit did"
LEAST_TRIES = 3
"""A run that learns is called healthy after all when so many remedies could be tried and none helped."""
BALANCED = ("minority-class-ignored",)

Tell = Callable[[str], None]


def cure(
    train: Script | str | Path | Callable[[], Any],
    *,
    time: float | None = None,
    steps: int | None = None,
    jobs: int | None = None,
    runs: Runs = run_all,
    out: str | Path | None = None,
    tell: Tell = lambda text: None,
) -> Cure:
    """Find what is wrong with a program that trains, and prove a remedy.

    The program is run many times, each time in a process forked from this one.

    Args:
        train: a script's path, or a function without arguments that builds its model and trains it.
        time: seconds for everything; ten times the program's own by default, at least 30.
        steps: optimizer steps of each run at most.
        jobs: runs side by side; the cores by default.
        runs: what runs the tries: forks of this process by default, or `checker.ray.Ray().runs`.
        out: folder for the record of the watched run, the proof in it; none is kept by default.
        tell: called with a line about what is being done.

    Raises:
        RecipeError: no such script, or it is not Python.
    """
    program = _program(train)
    path = Path(program.path) if isinstance(program, Script) and not program.module else None
    return cure_of(program, time=time, steps=steps, jobs=jobs, runs=runs, out=out, tell=tell, path=path)


def _program(train: Script | str | Path | Callable[[], Any]) -> Program:
    if isinstance(train, str | Path):
        train = Script(str(train))
    if isinstance(train, Script):
        train.check()
        train.warm()
        return train
    return lambda rewrite: train()


def cure_of(
    program: Program,
    *,
    time: float | None = None,
    steps: int | None = None,
    jobs: int | None = None,
    runs: Runs = run_all,
    out: str | Path | None = None,
    tell: Tell = lambda text: None,
    path: Path | None = None,
    run: Run | None = None,
    verdict: Verdict | None = None,
) -> Cure:
    """As `cure`, of a program that is ready to run; its suspects come from `verdict` where it was watched before.

    Args:
        path: of the source that a change is written for.
        run, verdict: of an earlier watch of the same training.
    """
    began, limit, jobs = _now(), time, jobs or max(1, os.cpu_count() or 1)
    tell("watching it once")
    first, seen = watched(program, Order(steps=steps, seconds=(limit or 3600.0) / 4), out)
    run, verdict = run or seen, verdict or diagnose(seen)
    if first.failed or not (first.steps or verdict.findings):  # without a step, a finding may say why
        return _could_not_run(first, _now() - began)
    until = began + (max(AT_LEAST, TIMES * first.seconds) if limit is None else limit)
    if _fine(verdict) and not _little(run):
        result = Cure("healthy", list(verdict.findings), kind=first.kind, reason=verdict.reason)
    elif first.kind == "nothing" and first.steps:
        why = "nothing tells a better run from a worse one here: it has no accuracy, and its loss may fall below 0"
        result = Cure("unknown", list(verdict.findings), reason=why)
    else:
        # a proof that has begun is worth its time, where no time was told
        hard = until if limit is not None else began + 3 * (until - began)
        fine = _fine(verdict)
        if first.ended == "time":  # it may never end: every try gets as many steps as it had
            steps = first.steps
        trying = Trying(program, first, jobs, hard, runs, steps, _balanced(verdict), tell, {0: first.score}, fine=fine)
        _try(trying, verdict, run, until)
        result = _result(trying, verdict, run, path)
    result.seconds, result.watched = _now() - began, first.seconds
    if out is not None:
        result.folder = str(out)
        keep(result, Path(out))
    return result


def _now() -> float:
    return time.monotonic()


def _fine(verdict: Verdict) -> bool:
    serious = [one for one in verdict.findings if one.severity != "info"]
    return verdict.status == "healthy" or (verdict.status == "findings" and not serious)


def _little(run: Run) -> bool:
    """Is so little learned that finding nothing wrong proves little? Then what often helps is tried all the same."""
    now = progress(run)
    return now.comparable and not now.winning


def _balanced(verdict: Verdict) -> bool:
    return bool(verdict.findings) and verdict.findings[0].id in BALANCED


def watched(program: Program, order: Order, out: str | Path | None = None) -> tuple[Attempt, Run]:
    """Run a program once in a fork, measured and watched; its attempt and its run, kept in `out` where told."""
    folder = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="babysit-cure-"))
    try:
        order = replace(order, record=str(folder.absolute()))
        attempt = next((found for _, found in run_all(program, [order], jobs=1)), Attempt(failed="it did not start"))
        try:
            run = read(folder)
        except ValueError:
            run = Run()
        return attempt, run
    finally:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)


def keep(result: Cure, folder: Path) -> None:
    """Write what the cure came to into the record of the watched run, where `show` and `report` find it."""
    with contextlib.suppress(OutputError):
        store = Store(folder)
        store.set_fact("cure", result.to_record())
        store.set_findings(result.findings)
        store.close()


def _could_not_run(first: Attempt, seconds: float) -> Cure:
    if "EOFError" in first.failed:
        why = "it asks for input, which nobody can give in a try"
    elif first.failed:
        why = "it fails by itself" if first.traceback else first.failed
    elif first.ended == "time":
        why = "it made no optimizer step within its time: give more with --time"
    else:
        why = "it ended without one optimizer step: it does not train"
    return Cure("unknown", reason=why, failed=first.failed, traceback=first.traceback, seconds=seconds)


def _try(trying: Trying, verdict: Verdict, run: Run, until: float) -> None:
    """Screening, pairs and proof, each within its share of the time."""
    if trying.balanced:
        _measured_again(trying)
    now = _now()
    plan = further(partners(run), ()) if trying.fine else candidates(verdict.findings)
    plan = settled(comparable(plan, trying.first.kind), run)
    trying.screen(plan[:MOST_CANDIDATES], now + SCREENING * (until - now))
    if not trying.enough():
        trying.screen(comparable(together(firsts(verdict.findings)), trying.first.kind), now + PAIRING * (until - now))
    mild = _mild(verdict, run)
    if not trying.promising() and not mild:
        trying.tell("nothing proposed helped; trying what often helps")
        rest = settled(comparable(further(general(run), ()), trying.first.kind), run)
        known = {one.candidate.key for one in trying.tries}
        trying.screen([one for one in rest if one.key not in known], now + PAIRING * (until - now))
    others = [*firsts(verdict.findings), *([] if mild else further(partners(run), ()))]
    trying.pair(settled(comparable(others, trying.first.kind), run), now + PAIRING * (until - now))
    trying.prove()


def _mild(verdict: Verdict, run: Run) -> bool:
    """Does the run learn, with nothing said against it that is certain?"""
    serious = [one for one in verdict.findings if one.severity != "info"]
    sure = any(one.severity == "error" or one.stage == "confirmed" for one in serious)
    return progress(run).learning and not sure


def _measured_again(trying: Trying) -> None:
    """The unedited run by the other measure (mean recall): its score, of what, and its course."""
    for _, found in trying.runs(trying.program, [trying.order({}, 0)], jobs=1):
        trying.baseline[0] = found.score
        trying.first = replace(trying.first, score=found.score, kind=found.kind, curve=found.curve)


def _written(trying: Trying, best: Try, path: Path) -> str | None:
    """The change of the source as a diff, where the changed source, run once, does what the edit did."""
    old = source.read(path)
    new = source.rewritten(old, best.candidate.edit) if old is not None else None
    if new is None:
        return None

    def changed(rewrite: Any) -> None:
        trying.program(lambda tree: ast.parse(new, str(path)))

    order = trying.order({}, 0)
    found = next((one for _, one in run_all(changed, [order], jobs=1)), None)
    before, wanted = trying.finite(trying.baseline[0]), trying.finite(best.scores[0])
    worked = found is not None and found.usable and found.score >= before + HALF * (wanted - before)
    return source.diff(path, best.candidate.edit) if worked else None


def _result(trying: Trying, verdict: Verdict, run: Run, path: Path | None) -> Cure:
    findings: list[Finding] = list(verdict.findings)
    ranked = sorted(trying.tries, key=lambda one: (not one.proven, one.lost, -trying.gain(one)))
    best = ranked[0] if ranked and ranked[0].proven else None
    result = Cure("not-cured", findings, ranked, trying.baseline, trying.first.kind)
    if trying.first.wrote:
        shown = ", ".join(trying.first.wrote[:3])
        result.notes.append(
            f"every try writes what the program writes ({shown}); --sandbox keeps that in a folder of its own"
        )
    if best is not None:
        cause, result.findings = confirm(best.candidate, findings, best.comparison)
        best.candidate = replace(best.candidate, finding=cause)
        result.status = "cured"
        if path is not None:
            trying.tell("trying the change of the source")
            result.diff = _written(trying, best, path)
            if result.diff is None and source.diff(path, best.candidate.edit) is not None:
                result.notes.append(f"{UNLIKE}; it is not shown")
    elif trying.fine:
        result.status = "healthy"
        result.reason = f"{verdict.reason.removesuffix('.')}; of {len(ranked)} remedies tried none is much better."
    elif _mild(verdict, run) and sum(0 in one.scores for one in ranked) >= LEAST_TRIES:
        result.status = "healthy"
        result.reason = f"it learns, and nothing of what was tried is better ({len(ranked)} remedies)"
    return result
