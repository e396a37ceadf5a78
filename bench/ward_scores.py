"""Does each sick program of the ward really suffer, and does its twin really learn?

Runs every program and every twin over some seeds, each in a fork of one warm process (torch is imported once), and
prints a table: score of the sick one, score of its twin, steps, seconds of processor time. A sick program whose
twin is not clearly better is marked, unless `ward.toml` says where else the harm shows.

    python bench/ward_scores.py [--seeds 0,1] [--jobs 2] [--limit 120] [--json FILE] [--ward FOLDER] [NAME …]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
import torch._dynamo
import torch.distributions
import torch.optim.lr_scheduler
import torch.utils.data
from tests.ward.catalogue import HOME, Program, programs, read_score
from torch.optim.optimizer import register_optimizer_step_post_hook

CLEAR = 0.04  # a twin must be better by this much at every seed


def run(script: Path, seed: int, limit: int) -> dict:
    """Score, optimizer steps, seconds and the end of the output of one script at one seed, run in a fork."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _be_the_script(script, seed, limit, writable)
    os.close(writable)
    with os.fdopen(readable, errors="replace") as pipe:
        output = pipe.read()
    os.waitpid(child, 0)
    end = re.search(r"^ward steps (\d+) seconds (\S+)$", output, re.MULTILINE)
    steps, seconds = (int(end[1]), float(end[2])) if end else (None, None)
    return {"score": read_score(output), "steps": steps, "seconds": seconds, "output": output[-1500:]}


def _be_the_script(script: Path, seed: int, limit: int, out: int) -> None:
    """In the fork: become the script, its output to `out`. Never returns."""
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    sys.argv = [str(script), "--seed", str(seed)]
    signal.alarm(limit)
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    register_optimizer_step_post_hook(count)
    began = time.process_time()
    try:
        runpy.run_path(str(script), run_name="__main__")
    except BaseException:
        traceback.print_exc()
    print(f"ward steps {steps} seconds {time.process_time() - began:.2f}")
    sys.stdout.flush()
    os._exit(0)


def verdict(program: Program, own: list[float], twin: list[float]) -> str:
    """One word on a program: whether its fault shows in the score (sick) or it learns at all (healthy)."""
    if not program.sick:
        return "" if min(own) > 0.5 else "does not learn"
    if program.harm:
        return f"harm: {program.harm}"
    return "" if all(b - a > CLEAR for a, b in zip(own, twin)) else "not clearly worse"


def measure(
    seeds: list[int], names: list[str], jobs: int, limit: int, tell: Callable[[str], None], ward: Path = HOME
) -> list[dict]:
    """A row per program, in the ward's order."""
    chosen = [p for p in programs(toml=ward / "ward.toml") if not names or p.name in names]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        running = []
        for p in chosen:
            scripts = [p.path]
            if p.sick:
                scripts.append(Path(folder) / f"{p.name}.py")
                scripts[1].write_text(p.cured(), encoding="utf-8")
            running.append((p, [[pool.submit(run, script, seed, limit) for seed in seeds] for script in scripts]))
        rows = []
        for p, futures in running:
            own, *rest = [[future.result() for future in each] for each in futures]
            twin = rest[0] if rest else []
            scores = [r["score"] for r in own], [r["score"] for r in twin]
            rows.append({"name": p.name, "cause": p.cause, "half": p.half, "own": own, "twin": twin})
            rows[-1]["verdict"] = verdict(p, *scores)
            shown = [" ".join(f"{s:8.3f}" for s in each) for each in scores]
            tell(f"{p.name:28} {p.cause:32} {p.half} {shown[0]}  | {shown[1]:17}  {rows[-1]['verdict']}")
    return rows


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, default=120, help="seconds a program may take")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--ward", type=Path, default=HOME, metavar="FOLDER", help="a folder with its own ward.toml")
    args = parser.parse_args()
    seeds = [int(s) for s in args.seeds.split(",")]
    ward = args.ward.resolve()
    rows = measure(seeds, args.names, args.jobs, args.limit, lambda line: print(line, flush=True), ward)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    odd = [r["name"] for r in rows if r["verdict"] and not r["verdict"].startswith("harm")]
    print(f"{len(rows)} programs, {len(odd)} to look at: {', '.join(odd) or 'none'}")


if __name__ == "__main__":
    main()
