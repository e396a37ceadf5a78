"""Search quality on recorded full tables of real training: digits, wine and breast_cancer, made here by the fleet.

    python bench/search_tables.py [--tables runs/tables] [--seeds 10] [--json FILE]

A table holds the curve of every point of a grid of 1,872 recipes (six hyperparameters), each trained for 27 epochs on four
folds: whatever a method wants to train is looked up there, at the nearest point, so ten seeds cost seconds. Regret:
how far the chosen trial's accuracy after 27 epochs lies below the best of the table, as a share of the way from the
median recipe to the best. Every method may spend about 64 full trainings' epochs; the bar is random search with twice
that. Paired over data sets and seeds (Wilcoxon). No constant of the search was chosen on these tables.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse  # noqa: E402
import itertools  # noqa: E402
import json  # noqa: E402
import math  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Iterable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from babysit.data import load  # noqa: E402
from babysit.record import Recipe  # noqa: E402
from babysit.tuner import Space, choice, log, search, uniform  # noqa: E402
from babysit.tuner.fleet import Fleet  # noqa: E402
from babysit.tuner.job import Job, Outcome, broken  # noqa: E402
from babysit.tuner.work import Work  # noqa: E402

NAMES = ("digits", "wine", "breast_cancer")
EPOCHS, FOLDS, FULL = 27, 4, 64
SPACE = Space(
    {
        "lr": log(1e-4, 1.0), "weight_decay": log(1e-6, 1e-1), "dropout": uniform(0.0, 0.6), "width": choice(16, 64),
        "optimizer": choice("nesterov", "adam"), "schedule": choice("constant", "cosine"),
    }
)  # fmt: skip
LEVELS = {"lr": 13, "weight_decay": 6, "dropout": 3, "width": 2, "optimizer": 2, "schedule": 2}
SHAPE = tuple(LEVELS.values())


class Table:
    """Every point's curves.

    Attributes:
        scores, losses, costs: (points, epochs) means over the folds, NaN after a trial broke down; first (points,).
    """

    def __init__(self, name: str, folder: Path) -> None:
        path = folder / f"{name}.npz"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(path, **record(name))
        held = np.load(path)
        self.name, self.first = name, held["first"]
        self.scores, self.losses, self.costs = held["scores"], held["losses"], held["costs"]
        final = np.where(np.isfinite(self.scores[:, -1]), self.scores[:, -1], 0.0)
        self.middle, self.best = float(np.median(final)), float(final.max())
        self.final = final

    def row(self, edit: dict[str, Any]) -> int:
        """The nearest point of the grid."""
        units = SPACE.units(edit)
        places = [
            int(min(max(round(unit * (levels - 1)), 0), levels - 1)) if one.is_number else int(unit * levels)
            for unit, levels, one in zip(units, SHAPE, SPACE.values(), strict=True)
        ]
        return int(np.ravel_multi_index(places, SHAPE))

    def regret(self, value: float) -> float:
        """0 is the best of the table, 1 its median."""
        return (self.best - value) / max(self.best - self.middle, 1e-9)

    # an executor that looks trials up instead of training them

    def map(self, train: Any, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Each job's recorded curve, as far as it is to go."""
        for job in jobs:
            row = self.row(job.params)
            length = int(np.isfinite(self.scores[row, : job.until]).sum())
            curves = [one[row, :length].tolist() for one in (self.costs, self.losses, self.scores)]
            why = "" if length == job.until else broken([math.nan], math.nan)
            yield Outcome(job.told(), *curves, first=float(self.first[row]), broken=why)

    def close(self) -> None:
        """Nothing is held."""


def grid() -> list[dict[str, Any]]:
    """Every point, the last field fastest."""
    units = [
        [place / (levels - 1) if one.is_number else (place + 0.5) / levels for place in range(levels)]
        for levels, one in zip(SHAPE, SPACE.values(), strict=True)
    ]
    return [SPACE.edit(point) for point in itertools.product(*units)]


def record(name: str) -> dict[str, np.ndarray]:
    """Train every point of the grid on every fold."""
    recipe = Recipe(data=name, epochs=EPOCHS, depth=1)
    work = Work(recipe, load(recipe), folds=FOLDS)
    points = grid()
    jobs = [Job(row, edit, EPOCHS, EPOCHS, fold) for row, edit in enumerate(points) for fold in range(FOLDS)]
    found = np.full((3, FOLDS, len(points), EPOCHS), math.nan)
    first = np.zeros((FOLDS, len(points)))
    fleet = Fleet()
    for done, outcome in enumerate(fleet.map(work, jobs)):
        job = outcome.job
        first[job.fold, job.trial] = outcome.first
        length = outcome.epochs - bool(outcome.broken)  # the epoch that broke it off is worth nothing
        for number, curve in enumerate((outcome.scores, outcome.losses, outcome.costs)):
            found[number, job.fold, job.trial, :length] = curve[:length]
        if not done % 500:
            print(f"\r{name}: {done} of {len(jobs)}", end="", file=sys.stderr, flush=True)
    print(f"\r{name}: {fleet.notes}", file=sys.stderr)
    scores, losses, costs = found.mean(1)
    return {"scores": scores, "losses": losses, "costs": costs, "first": first.mean(0)}


# the methods: (table, seed) -> (accuracy at the end of the trial that is handed over, epochs spent)


def random(table: Table, seed: int, full: int = FULL) -> tuple[float, int]:
    """Full trainings drawn from the whole space."""
    draw = np.random.default_rng([seed, 1])
    rows = [table.row(SPACE.edit(point)) for point in draw.random((full, len(SPACE)))]
    return float(table.final[rows].max()), full * EPOCHS


def driven(table: Table, seed: int, method: str) -> tuple[float, int]:
    """Babysit's own search, whole, with as many trials as its rungs leave of the budget."""
    base, split = Recipe(data="iris", epochs=EPOCHS), load(Recipe(data="iris"))  # never trained on
    study = search(
        split, recipe=base, space=SPACE, trials=trials(), method=method, executor=table, believe=0, seed=seed
    )
    return float(table.final[table.row(study.best.params)]), sum(one.epochs for one in study.trials)


def trials() -> int:
    """So many that their rungs cost as much as `FULL` full trainings, were none broken off."""
    from babysit.tuner.stages import STAGES, ladder, sizes, survivors

    rungs = ladder(EPOCHS)

    def cost(count: int) -> int:
        total = 0
        for size in sizes(count, STAGES):
            alive, before = size, 0
            for number, until in enumerate(rungs):
                total += alive * (until - before)
                alive, before = survivors(size, number, len(rungs)), until
        return total

    return max(count for count in range(16, 1000) if cost(count) <= FULL * EPOCHS)


def tpe(table: Table, seed: int) -> tuple[float, int]:
    """Optuna's TPE on full trainings, told after each."""
    import optuna

    from babysit.tuner.ledger import distributions

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    of, best = distributions(SPACE), 0.0
    for _ in range(FULL):
        trial = study.ask(of)
        value = float(table.final[table.row(trial.params)])
        study.tell(trial, value)
        best = max(best, value)
    return best, FULL * EPOCHS


METHODS: dict[str, Callable[[Table, int], tuple[float, int]]] = {
    "random": random,
    "random, twice the budget": lambda table, seed: random(table, seed, 2 * FULL),
    "random + halving": lambda table, seed: driven(table, seed, "random"),
    "TPE, one after another": tpe,
    "staged (ours)": lambda table, seed: driven(table, seed, "staged"),
}
BAR = "random, twice the budget"


def main() -> None:
    from scipy.stats import wilcoxon

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default="runs/tables", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json")
    told = parser.parse_args()
    tables = [Table(name, told.tables) for name in NAMES]
    for table in tables:
        print(f"{table.name}: {len(table.final)} recipes, best {table.best:.4f}, median {table.middle:.4f}")
    warnings.simplefilter("ignore")
    result: dict[str, Any] = {}
    found = {}
    for name, method in METHODS.items():
        ran = [[method(table, seed) for seed in range(told.seeds)] for table in tables]
        found[name] = np.array(
            [[table.regret(value) for value, _ in row] for table, row in zip(tables, ran, strict=True)]
        )
        epochs = np.mean([[spent for _, spent in row] for row in ran])
        each = ", ".join(f"{table.name} {row.mean():.2%}" for table, row in zip(tables, found[name], strict=True))
        result[name] = {"regret": float(found[name].mean()), "epochs": float(epochs)}
        if name != BAR and BAR in found and (found[name] != found[BAR]).any():
            result[name]["p"] = float(wilcoxon(found[name].ravel(), found[BAR].ravel()).pvalue)
        p = f"  p = {result[name]['p']:.2g} against twice random" if "p" in result[name] else ""
        print(f"{name:26s} mean regret {found[name].mean():7.2%} ({each})  {epochs:.0f} epochs{p}")
    if told.json:
        Path(told.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
