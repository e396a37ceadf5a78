"""The ward's confusion matrix: every program of tests/ward under watch, and what was said of it.

    python bench/ward.py [--half a] [--only NAME …] [--part 1/2] [--json FILE] [--overhead 1%]
                         [--keep FOLDER | --again FOLDER] [--ward FOLDER]

Programs run unchanged, each in a fork of one warm process, in an empty folder. tests/ward/ward.toml says what
is wrong with each: `cause` (and `also`, ids that are as right) and its `half`. Half "a" is for
calibration; what is claimed is claimed of half "b". Another folder with a ward.toml, and so programs of your
own, is judged in the same way with `--ward`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

for name, value in {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}.items():
    os.environ.setdefault(name, value)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.ward.catalogue import HOME, programs  # noqa: E402


@dataclass
class Case:
    """One program and what is wrong with it (nothing: `cause` is empty)."""

    name: str
    file: Path
    cause: list[str] = field(default_factory=list)
    half: str = "a"


@dataclass
class Result:
    """What was said of a program."""

    name: str
    half: str
    cause: list[str]
    status: str = "crashed"
    found: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    steps: int = 0
    seconds: float = 0.0
    error: str = ""

    @property
    def serious(self) -> list[str]:
        """Ids of findings that are more than an info, the likeliest first."""
        return [one["id"] for one in self.found if one["severity"] != "info"]

    @property
    def rank(self) -> int:
        """Place of the true cause among the serious findings, from 1; 0 when it isn't there."""
        return next((place for place, one in enumerate(self.serious, 1) if one in self.cause), 0)


def cases(half: str | None, only: Sequence[str], part: tuple[int, int] = (1, 1), ward: Path = HOME) -> list[Case]:
    """The ward's programs, of one half or all, with a word in `only`; every n-th of them from the i-th, by `part` (i, n)."""
    found = [
        Case(one.name, one.path, [cause for cause in one.causes if cause not in ("", "healthy")], one.half)
        for one in programs(toml=ward / "ward.toml")
        if half in (None, one.half) and (not only or any(word in one.name for word in only))
    ]
    return found[part[0] - 1 :: part[1]]


def again(case: Case, keep: Path) -> Result:
    """Judge a run that was kept, with the rules as they are now."""
    from babysit.doctor import diagnose
    from babysit.errors import RecordError
    from babysit.record.store import read

    result = Result(case.name, case.half, case.cause)
    try:
        verdict = diagnose(read(keep / case.name))
    except RecordError as error:
        result.error = str(error)
        return result
    result.status, result.found, result.reason = verdict.status, verdict.to_dict()["findings"], verdict.reason
    result.steps, result.error = verdict.steps, "; ".join(f"{name}: {text}" for name, text in verdict.failed.items())
    return result


def run_one(case: Case, overhead: str, limit: float, keep: Path | None) -> Result:
    """Run a program in a fork of this process, and read what it was told."""
    result = Result(case.name, case.half, case.cause)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            _child(case, overhead, limit, folder, answer, keep)
        os.waitpid(child, 0)
        result.seconds = time.perf_counter() - began
        if answer.exists():
            for name, value in json.loads(answer.read_text()).items():
                setattr(result, name, value)
        elif (Path(folder) / "log").exists():
            result.error = (Path(folder) / "log").read_text(errors="replace")[-400:]
    return result


def _child(case: Case, overhead: str, limit: float, folder: str, answer: Path, keep: Path | None) -> None:
    """In the fork: the program under watch, its output to a file, the verdict to another. Never returns."""
    code = 1
    try:
        os.chdir(folder)
        log = os.open("log", os.O_CREAT | os.O_WRONLY)
        os.dup2(log, 1)
        os.dup2(log, 2)
        signal.alarm(int(limit))
        from babysit.hosts.script import run_script
        from babysit.watcher import watch

        watcher = watch(overhead=overhead, out=keep / case.name if keep else None)
        outcome = run_script(str(case.file), [], watcher=watcher)
        verdict = watcher.verdict
        whole = verdict.to_dict()
        text = {"status": verdict.status, "found": whole["findings"], "reason": verdict.reason, "steps": verdict.steps,
                "error": outcome.reason if outcome.failed else "; ".join(f"{k}: {v}" for k, v in verdict.failed.items())}  # fmt: skip
        answer.write_text(json.dumps(text))
        code = 0
    finally:
        os._exit(code)


def table(results: Sequence[Result]) -> str:
    """The confusion matrix: rows are true causes, columns what came first."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for one in results:
        first = one.serious[0] if one.serious else one.status
        rows[one.cause[0] if one.cause else "(healthy)"][first] += 1
    lines = []
    for cause in sorted(rows):
        said = ", ".join(f"{name} {count}" for name, count in rows[cause].most_common())
        lines.append(f"  {cause:<32} {said}")
    return "\n".join(lines)


def figures(results: Sequence[Result]) -> dict[str, float]:
    """Shares: the true cause first and among the first three; healthy ones with an error or any warning."""
    sick, well = [one for one in results if one.cause], [one for one in results if not one.cause]

    def share(part: Sequence[Any], whole: Sequence[Any]) -> float:
        return round(len(part) / len(whole), 4) if whole else float("nan")

    return {
        "sick": len(sick),
        "first": share([one for one in sick if one.rank == 1], sick),
        "first_three": share([one for one in sick if 1 <= one.rank <= 3], sick),
        "healthy": len(well),
        "healthy_error": share([one for one in well if any(f["severity"] == "error" for f in one.found)], well),
        "healthy_warning": share([one for one in well if one.serious], well),
        "healthy_said": share([one for one in well if one.status == "healthy"], well),
        "crashed": len([one for one in results if one.status == "crashed"]),
    }


def report(results: Sequence[Result]) -> str:
    """The matrix, what missed, and the figures of each half."""
    parts = [table(results), ""]
    for one in results:
        wrong = (one.rank != 1) if one.cause else (bool(one.serious) or one.status != "healthy")
        if wrong:
            said = ", ".join(
                f"{f['id']} [{f['severity'][0]}{f['confidence']:.2f}{' <- ' + f['explained_by'] if f['explained_by'] else ''}]"
                for f in one.found[:6]
            )
            parts.append(
                f"  {one.half} {one.name}: wanted {'/'.join(one.cause) or 'healthy'}; {one.status}: {said or one.reason or one.error}"
            )
    for half in sorted({one.half for one in results}):
        parts.append(f"half {half}: {figures([one for one in results if one.half == half])}")
    return "\n".join(parts)


def main(words: Sequence[str] | None = None) -> int:
    """Run, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--half", choices=["a", "b"])
    options.add_argument("--only", nargs="*", default=[])
    options.add_argument(
        "--part", default="1/1", metavar="I/N", help="every N-th program from the I-th, to share the work"
    )
    options.add_argument("--json", type=Path)
    options.add_argument("--overhead", default="1%")
    options.add_argument("--limit", type=float, default=120.0, help="seconds for one program")
    options.add_argument("--keep", type=Path, help="keep the records in this folder")
    options.add_argument("--again", type=Path, metavar="KEPT", help="judge kept records again instead of running")
    options.add_argument("--ward", type=Path, default=HOME, metavar="FOLDER", help="a folder with its own ward.toml")
    chosen = options.parse_args(words)
    ward = chosen.ward.resolve()
    keep = chosen.keep.resolve() if chosen.keep else None
    place, _, parts = chosen.part.partition("/")
    part = (int(place), int(parts or 1))
    if chosen.again:
        found = [one for one in cases(chosen.half, chosen.only, part, ward) if (chosen.again / one.name).exists()]
        print(report([again(case, chosen.again) for case in found]))
        return 0
    import torch

    import babysit.doctor
    import babysit.hosts.script
    import babysit.watcher

    torch.set_num_threads(1)
    with contextlib.suppress(ImportError):
        import sklearn.datasets  # noqa: F401  (imported once here, not in every fork)
    babysit.doctor.all_rules()
    results = []
    for case in cases(chosen.half, chosen.only, part, ward):
        one = run_one(case, chosen.overhead, chosen.limit, keep)
        results.append(one)
        print(f"{one.name:<44} {one.status:<9} {one.seconds:5.1f} s  {', '.join(one.serious[:3])}", file=sys.stderr)
    print(report(results))
    if chosen.json:
        whole: Mapping[str, Any] = {"schema": 1, "results": [asdict(one) for one in results], "figures": {
            half: figures([one for one in results if one.half == half]) for half in sorted({one.half for one in results})}}  # fmt: skip
        chosen.json.write_text(json.dumps(whole, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
