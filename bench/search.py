"""The search against what people use: same trials, epochs, batches and final metric, paired in one run.

    python bench/search.py [--quick] [--json FILE]

engine_gain     trials per second of the fleet / of a warm one-thread PyTorch loop written by hand (digits, 64-64-10, Adam)
drop_gain       time of a search that trains every trial to its end / of one that drops losers at rungs, equal trials
overhead_share  sampling and storage, as a share of the time of 1,000 trials x 50 epochs with every epoch reported

Ratios are medians over pairs, each pair run one after the other; on a busy machine the ratio of processor times ("cpu")
is the one to trust, since waiting is not in it.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse  # noqa: E402
import contextlib  # noqa: E402
import json  # noqa: E402
import resource  # noqa: E402
import statistics  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from search_peers import Hand, clocks, forked, loop, optuna_median, rates, ray_tune, sklearn_halving  # noqa: E402

from babysit.data import load  # noqa: E402
from babysit.record import Recipe  # noqa: E402
from babysit.tuner import choice, log, search, uniform, usual  # noqa: E402
from babysit.tuner.fleet import Fleet  # noqa: E402
from babysit.tuner.job import Job, Outcome  # noqa: E402
from babysit.tuner.result import cores  # noqa: E402
from babysit.tuner.work import Work  # noqa: E402

EPOCHS = 4
LARGER: dict[str, dict[str, Any]] = {
    "64-256-10": {"width": 256}, "64-512-10": {"width": 512}, "64-1024-10": {"width": 1024},
    "64-512-512-10": {"width": 512, "depth": 2}, "convnet 8": {"model": "convnet", "width": 8},
    "convnet 16": {"model": "convnet", "width": 16},
}  # fmt: skip
SPACE = dict(
    lr=log(1e-4, 0.3), weight_decay=log(1e-6, 1e-1), dropout=uniform(0, 0.6), width=choice(32, 64),
    optimizer=choice("nesterov", "adam"), schedule=choice("constant", "cosine"),
)  # fmt: skip


def jobs_of(count: int) -> list[Job]:
    """The same trials as jobs."""
    return [Job(number, {"lr": float(lr)}, EPOCHS, EPOCHS) for number, lr in enumerate(rates(count))]


def pairs(one: Callable[[], Any], many: Callable[[], Any], each: int, count: int, repeats: int) -> tuple[float, float]:
    """Median gain (wall, processor) per trial of `many` (count trials) over `one` (each trials)."""
    walls, processors = [], []
    for _ in range(repeats):
        a, b = clocks(one), clocks(many)
        walls.append(a[0] / each / (b[0] / count))
        processors.append(a[1] / each / (b[1] / count))
    return statistics.median(walls), statistics.median(processors)


def engines(recipe: Recipe, count: int, each: int, repeats: int) -> dict[str, Any]:
    """Gains of the fleet over the loop by hand, on one core and on all; what the probe chose, and what it cost."""
    work = Work(recipe, load(recipe))
    hand = Hand(work, recipe)
    hand.train(1e-3)  # warm: the first use of torch.optim costs a second
    found: dict[str, Any] = {}
    for threads in sorted({1, cores()}):
        fleet = Fleet(threads=threads)
        nothing = [replace(job, until=0) for job in jobs_of(count)]
        found["probe"] = clocks(lambda fleet=fleet, nothing=nothing: list(fleet.map(work, nothing)))[0]
        list(fleet.map(work, jobs_of(count)))
        found[threads] = pairs(
            lambda: loop(hand, each), lambda fleet=fleet: list(fleet.map(work, jobs_of(count))), each, count, repeats
        )
        found["engine"] = fleet.notes[0]
    return found


def against_processes(recipe: Recipe, count: int, repeats: int) -> float:
    """The fleet's trials per second as a share of those of the loop by hand in one process per core (wall)."""
    work = Work(recipe, load(recipe))
    hand, fleet = Hand(work, recipe), Fleet()
    hand.train(1e-3)
    list(fleet.map(work, jobs_of(count)))
    return pairs(
        lambda: forked(hand, count, cores()), lambda: list(fleet.map(work, jobs_of(count))), count, count, repeats
    )[0]


def peers(recipe: Recipe, count: int, quick: bool) -> dict[str, float]:
    """Trials per second (wall) of what else there is, with the fleet beside them."""
    work = Work(recipe, load(recipe))
    hand = Hand(work, recipe)
    hand.train(1e-3)
    fleet = Fleet()
    list(fleet.map(work, jobs_of(count)))
    found = {"fleet": count / clocks(lambda: list(fleet.map(work, jobs_of(count))))[0]}
    found["one-thread loop"] = 8 / clocks(lambda: loop(hand, 8))[0]
    found[f"the loop in {cores()} processes"] = 24 / clocks(lambda: forked(hand, 24, cores()))[0]
    found["Optuna optimize + MedianPruner"] = optuna_median(hand, 24)
    found["HalvingRandomSearchCV(MLPClassifier)"] = sklearn_halving(hand, 24)
    tune = None if quick else ray_tune(hand, 16, cores())
    return found if tune is None else {**found, "Ray Tune, actors reused": tune}


def dropping(trials: int) -> float:
    """How much dropping saves: all trials to their end, against the same with rungs."""
    recipe = Recipe(data="digits", epochs=18, width=64, depth=1, optimizer="adam")
    split = load(recipe)
    work = Work(recipe, split)
    space = {name: one for name, one in SPACE.items() if name not in ("width", "optimizer")}
    with_rungs: Any = None

    def halved() -> None:
        nonlocal with_rungs
        with_rungs = search(split, recipe=recipe, space=space, trials=trials, believe=0)

    short = clocks(halved)
    jobs = [Job(trial.number, trial.params, 18, 18) for trial in with_rungs.trials]
    whole = clocks(lambda: list(Fleet().map(work, jobs)))
    return whole[1] / short[1]


class Instant:
    """A training that takes no time and reports every epoch of every trial: what is left is the search's own."""

    deadline = None

    def map(self, train: Any, jobs: Any) -> Any:
        for job in jobs:
            value = 1 - abs(np.log10(job.params["lr"]) + 2) / 10
            scores = [value * epoch / (epoch + 1) for epoch in range(1, job.epochs + 1)]
            yield Outcome(job.told(), [1.0] * job.epochs, [1.0] * job.epochs, scores, 1.0)

    def close(self) -> None:
        pass


def overhead(folder: Path, trials: int = 1000, epochs: int = 50) -> float:
    """Processor seconds of the search itself: drawing, judging, and reporting every epoch of every trial."""
    recipe = Recipe(data="digits", epochs=epochs)
    split = load(recipe)
    search(split, recipe=recipe, space=SPACE, trials=64, executor=Instant(), believe=0)  # warm
    return clocks(
        lambda: search(split, recipe=recipe, space=SPACE, trials=trials, executor=Instant(), believe=0, out=folder)
    )[1]


def thousand() -> dict[str, float]:
    """Digits, 5 folds, 6 hyperparameters, 1,000 trials coarse to fine."""
    found: Any = None

    def run() -> None:
        nonlocal found
        found = search("digits", recipe=Recipe(epochs=18), space=SPACE, trials=1000, folds=5)

    wall, processor = clocks(run)
    return {"seconds": wall, "processor seconds": processor, "accuracy": found.best.score, "sd": found.best.sd}


class _Reached(Exception):
    """The accuracy that was waited for is there."""


def time_to(wanted: float, seed: int) -> tuple[float, float]:
    """Seconds until a trial has the wanted validation accuracy on digits, in the space that `babysit train` searches:
    random recipes trained in full one after another, and the search."""
    recipe = Recipe(data="digits", epochs=30, seed=seed)
    split = load(recipe)
    space = usual(recipe, ("lr", "weight_decay", "dropout", "width"))
    work, draw = Work(recipe, split), np.random.default_rng(seed)
    work(Job(0, {"lr": 1e-3}, 1, 30))  # warm

    def plain() -> None:
        while True:
            if work(Job(0, space.edit(draw.random(len(space))), 30, 30)).scores[-1] >= wanted:
                return

    def staged() -> None:
        def look(now: Any) -> None:
            if now.best is not None and now.best.score >= wanted:
                raise _Reached

        with contextlib.suppress(_Reached):
            search(split, recipe=recipe, space=space, trials=300, seed=seed, on_progress=look)

    return clocks(plain)[0], clocks(staged)[0]


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under two minutes")
    parser.add_argument("--json", metavar="FILE")
    told = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {}
    base = Recipe(data="digits", epochs=EPOCHS, depth=1, optimizer="adam", schedule="constant")
    repeats = 3 if told.quick else 7
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f}\n\nengine gain over a warm one-thread loop (wall, cpu)")
    for width in (32, 64):
        found = engines(base.edit(width=width), 256, 8, repeats)
        for threads in sorted({1, cores()}):
            wall, processor = found[threads]
            print(f"  64-{width}-10  {threads} thread{'s' * (threads > 1)}  {wall:6.1f}x {processor:6.1f}x")
        print(f"  {found['engine']}; chosen in {found['probe']:.3f} s")
    result |= {"engine_gain": found[cores()][0], "engine_gain_one": found[1][0], "engine_gain_cpu": found[1][1]}
    if not told.quick:
        print(f"\nlarger ones, beside the loop by hand in {cores()} processes (wall)")
        result["larger"] = {}
        for name, edit in LARGER.items():
            result["larger"][name] = against_processes(base.edit(edit), 8, 3)
            print(f"  {name:12s} {result['larger'][name]:6.2f}x", flush=True)
    print("\ntrials per second (wall)")
    result["trials_per_second"] = peers(base.edit(width=64), 256, told.quick)
    for name, value in result["trials_per_second"].items():
        print(f"  {name:42s} {value:8.1f}")
    result["drop_gain"] = dropping(100 if told.quick else 300)
    print(f"\ndrop gain {result['drop_gain']:.1f}x (processor time of equal trials, all to the end / with rungs)")
    with tempfile.TemporaryDirectory() as folder:
        own = overhead(Path(folder))
    work = Work(base.edit(width=64), load(base))
    jobs = [Job(number, {"lr": float(lr)}, 10, 50) for number, lr in enumerate(rates(64))]
    training = clocks(lambda: list(Fleet(threads=1).map(work, jobs)))[1] * 1000 / 64 * 5
    result["overhead_share"] = own / (own + training)
    print(f"overhead share {result['overhead_share']:.2%} ({own:.2f} s beside {training:.1f} s of training)")
    if not told.quick:
        result["thousand"] = thousand()
        print("\n1,000 trials x 5 folds on digits:", ", ".join(f"{k} {v:.4g}" for k, v in result["thousand"].items()))
    times = [time_to(0.975, seed) for seed in range(3 if told.quick else 9)]
    result["seconds_to_97.5"] = {
        "one by one": statistics.median(one for one, _ in times), "search": statistics.median(it for _, it in times)
    }  # fmt: skip
    told_times = ", ".join(f"{name} {seconds:.2f}" for name, seconds in result["seconds_to_97.5"].items())
    print(f"\nseconds to 97.5 % on digits, median of {len(times)}: {told_times}")
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if told.json:
        Path(told.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
