"""Cures of the ward's programs: is the cause confirmed, does the remedy reach the healthy twin, does the proof hold?

    python bench/cure.py [--half a|b] [--every N] [--only NAME,…] [--random] [--json FILE]

For each sick program that a live edit can reach: `babysit cure`, then full runs with three fresh seeds of
the program, of the program with the proven edit, and of its healthy twin, scored by what the programs
print themselves, which the cure never sees. A cause is confirmed by a proof, or, where no edit gains anything, by an
exact fact (an order of calls, a mode). Some faults hurt other things than the score (a metric, a mode, the time):
`cured_of_hurt` is over those whose program scores below its healthy twin at all. For each healthy program: nothing may be proven that makes
a full run worse. Seconds are the processor's, so that a busy machine changes nothing; on n free cores a cure takes an
n-th of them. `--random` also tries edits in random order, for three times as long, and counts how many tries and seconds
go by until one is as good as the cure's, beside how many the cure needed.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import random
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from tests.ward.catalogue import HOME, Program, programs, read_score

from babysit.checker import attempt
from babysit.checker import cure as cure_module
from babysit.checker.attempt import Order, run_all
from babysit.checker.cure import cure
from babysit.checker.plan import Candidate
from babysit.checker.program import Script
from babysit.record import Remedy


class _ProcessorTime:
    """Stands for the module `time`: a busy machine must change neither what is tried nor how long it took."""

    @staticmethod
    def monotonic() -> float:
        return time.process_time() + cpu()

    perf_counter = monotonic


attempt.time = cure_module.time = _ProcessorTime  # type: ignore[assignment]
attempt.TIMER, attempt.ALARM = signal.ITIMER_PROF, signal.SIGPROF

FRESH = (101, 102, 103)
CLOSE = 0.02


def cpu() -> float:
    """Seconds of processor time of the runs that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def full(program: Script, edit: dict[str, Any] | None = None) -> float:
    """Median printed score of full runs with fresh seeds."""
    orders = [Order(edit or {}, seed, seconds=60) for seed in FRESH]
    return statistics.median(read_score(found.printed) for _, found in run_all(program, orders, jobs=1))


def judge(one: Program, baseline: bool, jobs: int) -> dict[str, Any]:
    """One program through cure and its check."""
    script = Script(str(one.path))
    began = _ProcessorTime.monotonic()
    found = cure(script, jobs=jobs)
    seconds = _ProcessorTime.monotonic() - began
    row: dict[str, Any] = {
        "name": one.name,
        "cause": one.cause,
        "causes": one.causes,
        "sick": one.sick,
        "live": one.live,
    }
    row |= {
        "status": found.status,
        "seconds": round(seconds, 1),
        "watched": round(found.watched, 2),
    }
    row["tried"] = [
        [t.candidate.title, t.candidate.finding, {k: round(v, 3) for k, v in t.scores.items()}, t.proven]
        for t in found.tries
    ]
    row["found"] = [[f.id, f.severity] for f in found.findings[:5]]
    best = found.best
    row["first"] = found.findings[0].id if found.findings else None
    if best is not None:
        row |= {"confirmed": best.candidate.finding, "edit": dict(best.candidate.edit)}
        row["after"] = full(script, dict(best.candidate.edit))
    elif found.findings and found.findings[0].stage == "confirmed":
        row["confirmed"] = found.findings[0].id
    if one.sick or best is not None:
        row["before"] = full(script)
    if one.sick:
        with tempfile.TemporaryDirectory() as folder:
            twin = Path(folder) / one.path.name
            twin.write_text(one.cured())
            row["twin"] = full(Script(str(twin)))
    if baseline and best is not None:
        before = [t for t in found.tries if t.number <= best.number and t.screened is not None]
        row["tries"], row["tries_seconds"] = len(before), round(sum(t.screened.seconds for t in before), 1)
        row |= random_search(script, best.scores[0], sum(t.seconds for t in found.tries), jobs)
    return row


def pool() -> list[Candidate]:
    """Every edit that any finding could propose: what random search draws from."""
    from babysit.hosts.edits import fields
    from babysit.record import remedies

    known = fields()
    all_of_them = [value for value in vars(remedies).values() if isinstance(value, Remedy)]
    edits = {
        json.dumps(dict(one.edit), sort_keys=True): one
        for one in all_of_them
        if one.edit and set(one.edit) <= set(known)
    }
    return [Candidate("", one.title, dict(one.edit)) for one in edits.values()]


def random_search(script: Script, score: float, seconds: float, jobs: int) -> dict[str, Any]:
    """Random edits until one is within a point of `score` on the first seed: how many tries and seconds it took."""
    drawn = pool()
    random.Random(script.path).shuffle(drawn)
    spent, number = 0.0, 0
    for _, found in run_all(script, (Order(one.edit, 0, seconds=30) for one in drawn), jobs=jobs):
        spent, number = spent + found.seconds, number + 1
        if found.usable and found.score >= score - 0.01:
            return {"random_tries": number, "random_seconds": round(spent, 1)}
        if spent > 3 * seconds:
            break
    return {"random_tries": None, "random_seconds": round(spent, 1)}


def table(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The shares that the cure is held to."""
    sick = [row for row in rows if row["sick"]]
    live = [row for row in sick if row["live"]]
    hurt = [row for row in live if row["before"] < row["twin"] - CLOSE]
    healthy = [row for row in rows if not row["sick"]]
    proven = [row for row in rows if "edit" in row]
    return {
        "sick": len(sick),
        "confirmed": share(sick, lambda row: row.get("confirmed") in row["causes"]),
        "cured_of_live": share(live, lambda row: "edit" in row and row["after"] >= row["twin"] - CLOSE),
        "hurt": len(hurt),
        "cured_of_hurt": share(hurt, lambda row: "edit" in row and row["after"] >= row["twin"] - CLOSE),
        "proven_but_false": share(proven, lambda row: row["after"] < row["before"] + 0.005),
        "healthy": len(healthy),
        "healthy_quiet": share(healthy, lambda row: row["status"] == "healthy"),
        "median_seconds": median(row["seconds"] for row in rows),
        "median_times": median(row["seconds"] / row["watched"] for row in live if row["watched"]),
        "found_after": median(row["tries"] for row in rows if "tries" in row),
        "found_after_s": median(row["tries_seconds"] for row in rows if "tries" in row),
        "random_after": median(row["random_tries"] or math.inf for row in rows if "tries" in row),
        "random_after_s": median(
            row["random_seconds"] if row["random_tries"] else math.inf for row in rows if "tries" in row
        ),
        "sooner": share(
            [r for r in rows if "tries" in r],
            lambda r: r["tries_seconds"] <= (r["random_seconds"] if r["random_tries"] else math.inf),
        ),
    }


def median(values: Iterable[float]) -> float | None:
    """The middle one, None of nothing."""
    found = list(values)
    return round(statistics.median(found), 2) if found else None


def share(rows: list[dict[str, Any]], holds: Any) -> float | None:
    """Share of rows, None of none."""
    return round(sum(map(bool, map(holds, rows))) / len(rows), 3) if rows else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--half", choices=("a", "b"))
    parser.add_argument("--every", type=int, default=1, help="take every n-th program")
    parser.add_argument("--start", type=int, default=0, help="leave out so many programs first")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    parser.add_argument("--ward", type=Path, default=HOME, metavar="FOLDER", help="a folder with its own ward.toml")
    parser.add_argument("--only", default="")
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    only = set(filter(None, options.only.split(",")))
    chosen = [
        one for one in programs(half=options.half, toml=options.ward / "ward.toml") if (not one.sick or one.live)
    ][options.start :: options.every]
    rows = []
    for one in chosen:
        if only and one.name not in only:
            continue
        rows.append(row := judge(one, options.random, options.jobs))
        shown = {key: value for key, value in row.items() if key not in ("name", "sick", "live")}
        print(f"{one.name:32} {shown}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(rows))
    print(f"{platform.machine()}, {torch.get_num_threads()} thread a run, {date.today()}")
    for name, value in table(rows).items():
        print(f"{name:18} {value}")


if __name__ == "__main__":
    main()
