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
import json  # noqa: E402
import resource  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from babysit.data import load  # noqa: E402
from babysit.record import Recipe  # noqa: E402
from babysit.tuner import choice, log, search, uniform  # noqa: E402
from babysit.tuner.fleet import Fleet  # noqa: E402
from babysit.tuner.job import Job, Outcome  # noqa: E402
from babysit.tuner.processes import Processes  # noqa: E402
from babysit.tuner.result import cores  # noqa: E402
from babysit.tuner.work import Work  # noqa: E402

EPOCHS = 4
SPACE = dict(
    lr=log(1e-4, 0.3), weight_decay=log(1e-6, 1e-1), dropout=uniform(0, 0.6), width=choice(32, 64),
    optimizer=choice("nesterov", "adam"), schedule=choice("constant", "cosine"),
)  # fmt: skip


def clocks(run: Callable[[], Any]) -> tuple[float, float]:
    """(wall, processor) seconds, children included once they ended."""
    wall, own = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - own


class Hand:
    """What one writes by hand: tensors in memory, no DataLoader, PyTorch's fused Adam, one validation an epoch."""

    def __init__(self, work: Work, recipe: Recipe) -> None:
        self.fold, self.recipe = work.fold(recipe, 0), recipe

    def train(self, lr: float) -> float:
        torch.manual_seed(0)
        fold, width = self.fold, self.recipe.width
        inputs = fold.x[0].numel()
        if self.recipe.model == "convnet":
            net: nn.Module = nn.Sequential(
                nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10),
            )  # fmt: skip
            x, val = fold.x, fold.val_x
        else:
            net = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, 10))
            x, val = fold.x.flatten(1), fold.val_x.flatten(1)
        optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
        accuracy = 0.0
        for _ in range(EPOCHS):
            order = torch.randperm(len(fold.y))
            for index in order.split(self.recipe.batch):
                loss = F.cross_entropy(net(x[index]), fold.y[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                accuracy = float((net(val).argmax(1) == fold.val_y).float().mean())
        return accuracy


def rates(count: int) -> np.ndarray:
    """Learning rates of `count` trials."""
    return np.geomspace(1e-4, 1e-2, count)


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


def engines(recipe: Recipe, count: int, each: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Gains of the fleet over the loop by hand, on one core and on all."""
    work = Work(recipe, load(recipe))
    hand = Hand(work, recipe)
    hand.train(1e-3)  # warm: the first use of torch.optim costs a second
    found = {}
    for threads in sorted({1, cores()}):
        fleet = Fleet(threads=threads)
        list(fleet.map(work, jobs_of(count)))
        found[f"fleet, {threads} thread{'s' * (threads > 1)}"] = pairs(
            lambda: [hand.train(float(lr)) for lr in rates(each)], lambda fleet=fleet: list(fleet.map(work, jobs_of(count))),
            each, count, repeats,
        )  # fmt: skip
        found["engine"] = fleet.notes[0]  # type: ignore[assignment]
    return found


def peers(recipe: Recipe, count: int, quick: bool) -> dict[str, float]:
    """Trials per second (wall) of what else there is, with the fleet beside them."""
    work = Work(recipe, load(recipe))
    hand = Hand(work, recipe)
    hand.train(1e-3)
    fleet = Fleet()
    list(fleet.map(work, jobs_of(count)))
    found = {"one-thread loop": 8 / clocks(lambda: [hand.train(float(lr)) for lr in rates(8)])[0]}
    found["fleet"] = count / clocks(lambda: list(fleet.map(work, jobs_of(count))))[0]
    found["Optuna optimize + MedianPruner"] = _optuna(hand, 16)
    found["HalvingRandomSearchCV(MLPClassifier)"] = _sklearn(work, recipe, 24)
    if not quick:
        executor = Processes(engine="solo")
        list(executor.map(work, jobs_of(4)))
        found[f"{cores()} processes x 1 thread, one by one"] = (
            24 / clocks(lambda: list(executor.map(work, jobs_of(24))))[0]
        )
        executor.close()
        found |= _ray_tune(hand)
    return found


def _optuna(hand: Hand, count: int) -> float:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner())

    def objective(trial: Any) -> float:
        value = hand.train(trial.suggest_float("lr", 1e-4, 1e-2, log=True))
        trial.report(value, EPOCHS)
        return value

    return count / clocks(lambda: study.optimize(objective, n_trials=count))[0]


def _sklearn(work: Work, recipe: Recipe, count: int) -> float:
    from scipy.stats import loguniform
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV, ShuffleSplit
    from sklearn.neural_network import MLPClassifier

    fold = work.fold(recipe, 0)
    net = MLPClassifier((recipe.width,), batch_size=recipe.batch, max_iter=EPOCHS)
    halving = HalvingRandomSearchCV(
        net, {"learning_rate_init": loguniform(1e-4, 1e-2)}, n_candidates=count, resource="max_iter", max_resources=EPOCHS,
        min_resources=EPOCHS, cv=ShuffleSplit(1, test_size=0.2, random_state=0), refit=False, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return count / clocks(lambda: halving.fit(fold.x.flatten(1).numpy(), fold.y.numpy()))[0]


def _ray_tune(hand: Hand) -> dict[str, float]:
    try:
        from ray import init, shutdown, tune
    except ImportError:
        return {}
    init(logging_level="ERROR", log_to_driver=False, include_dashboard=False)
    try:
        config = tune.TuneConfig(num_samples=8, reuse_actors=True, metric="value", mode="max")
        run = tune.RunConfig(verbose=0)
        tuner = tune.Tuner(lambda config: tune.report({"value": hand.train(config["lr"])}), tune_config=config, run_config=run,
                           param_space={"lr": tune.loguniform(1e-4, 1e-2)})  # fmt: skip
        return {"Ray Tune, actors reused": 8 / clocks(tuner.fit)[0]}
    finally:
        shutdown()


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
    nets = {"64-32-10": {"width": 32}, "64-64-10": {"width": 64}}
    if not told.quick:
        nets |= {
            "64-256-10": {"width": 256},
            "64-1024-10": {"width": 1024},
            "convnet 16": {"model": "convnet", "width": 16},
        }
    for name, edit in nets.items():
        small = "model" not in edit and edit["width"] <= 64
        found = engines(base.edit(edit), 256 if small else 16, 8 if small else 4, repeats if small else 3)
        for engine, gains in found.items():
            if engine != "engine":
                print(f"  {name:12s} {engine:18s} {gains[0]:6.1f}x {gains[1]:6.1f}x")
        print(f"  {'':12s} {found['engine']}")
        if name == "64-64-10":
            result["engine_gain"] = found[f"fleet, {cores()} thread{'s' * (cores() > 1)}"][0]
            result["engine_gain_cpu"] = found["fleet, 1 thread"][1]
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
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if told.json:
        Path(told.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
