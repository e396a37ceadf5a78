"""What watching takes of memory: the largest resident size of a training, unwatched and watched, each in a process of its own.

    python bench/watching_memory.py [--steps 100000] [--only MODEL]

For the models of bench/watching.py, some hundred steps each: the peak resident size (VmHWM) watched / unwatched, and
`code`, what of the difference is pages of PyTorch's libraries that were read in; against an unwatched training that has
imported the watcher and the rules, and against a plain one that hasn't. Then one small network for 100,000 steps: the
resident size at 10,000 and at the end, unwatched and watched.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import torch
from watching import MODELS, Loop, mlp, ours

FEW = 120
KINDS = ("plain", "imported", "watched")


def resident(name: str) -> float:
    """MiB of this process, by /proc/self/status: VmRSS now, VmHWM at most."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(float(line.split()[1]) / 1024 for line in file if line.startswith(name))


def _run(pipe: Any, make: Callable[[], Loop], kind: str, marks: list[int]) -> None:
    if kind != "plain":
        import babysit.doctor
        import babysit.watcher

        babysit.doctor.all_rules()
    torch.manual_seed(0)
    step = make()
    step()
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the peak is counted from here
    told = {}
    context = ours()(step) if kind == "watched" else None
    if context is not None:
        context.__enter__()
    for index in range(1, marks[-1] + 1):
        step()
        if index in marks:
            told[index] = resident("VmRSS")
    if context is not None:
        context.__exit__(None, None, None)
        assert context.verdict is not None
    told["peak"], told["code"] = resident("VmHWM"), resident("RssFile")
    pipe.send(told)


def measured(make: Callable[[], Loop], kind: str, marks: list[int]) -> dict[Any, float]:
    """MiB at some steps, and "peak", of one training in a fork."""
    ours_end, theirs = multiprocessing.Pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _run(theirs, make, kind, marks)
            code = 0
        finally:
            os._exit(code)
    theirs.close()
    told = ours_end.recv()
    os.waitpid(child, 0)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--only", help="part of a model's name")
    parser.add_argument("--json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    print(
        f"{'model':<14} {'plain':>8} {'imported':>9} {'watched':>8} {'code':>6}   peak resident MiB; watched / imported, / plain"
    )
    for name, (make, _) in MODELS.items():
        if args.only and args.only not in name:
            continue
        told = {kind: measured(make, kind, [FEW]) for kind in KINDS}
        plain, imported, seen = (told[kind]["peak"] for kind in KINDS)
        code = told["watched"]["code"] - told["imported"]["code"]
        rows.append({"model": name, "plain": plain, "imported": imported, "watched": seen, "code": code})
        print(
            f"{name:<14} {plain:>8.1f} {imported:>9.1f} {seen:>8.1f} {code:>6.1f}   {seen / imported:.3f} {seen / plain:.3f}",
            flush=True,
        )
    if args.steps:
        marks = [args.steps // 10, args.steps]
        for kind in KINDS[1:]:
            told = measured(lambda: mlp(32, 3, 16, adam=False), kind, marks)
            start, end = (told[at] for at in marks)
            rows.append({"model": "long", "kind": kind, "start": start, "end": end, "steps": args.steps})
            print(
                f"{kind}: {start:.1f} MiB after {marks[0]:,} steps, {end:.1f} after {marks[1]:,}: {end - start:+.1f}",
                flush=True,
            )
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"schema": 1, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
