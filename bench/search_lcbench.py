"""Search quality at equal epochs, on lcbench: recorded training curves of MLPs on 34 data sets, as a surrogate.

    python bench/search_lcbench.py --data FOLDER [--half tuned|held-out] [--seeds 5] [--json FILE]

FOLDER (or $LCBENCH) holds the surrogate (`model.onnx`, `encoding.json`, `config_space.json`) of YAHPO Gym (Pfisterer et
al. 2022) for LCBench (Zimmer et al. 2021). Regret: how far the chosen trial's accuracy at epoch 52 lies below the best
known, as a share of the way from the median of random trials to the best known. About 3,300 epochs each
(63 full trainings), paired by data set. The constants of `babysit.tuner.stages` were chosen on every second data set
("tuned"); what is reported is the other half ("held-out").
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from babysit.tuner import Space, integers, log, uniform
from babysit.tuner.stages import KEEP, STAGES, Seen, Staged, ladder, sizes, survivors

EPOCHS, BUDGET = 52, 3300
INPUTS = ("epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
SPACE = Space(
    {
        "batch_size": integers(16, 512, logarithmic=True), "learning_rate": log(1e-4, 1e-1), "momentum": uniform(0.1, 0.99),
        "weight_decay": uniform(1e-5, 1e-1), "num_layers": integers(1, 5), "max_units": integers(64, 1024, logarithmic=True),
        "max_dropout": uniform(0.0, 1.0),
    }
)  # fmt: skip


class Table:
    """The curves of one data set."""

    def __init__(self, folder: Path, task: str) -> None:
        self.session, encoding = _session(str(folder))
        self.task, self._code = task, encoding[task]
        draw = np.random.default_rng(7)
        final = self.final(draw.random((4000, len(SPACE))))
        self.middle, self.best = float(np.median(final)), float(final.max())
        centre = None
        for _ in range(6):  # a generous search for the best known
            points = draw.random((1500, len(SPACE)))
            if centre is not None:
                points = np.clip(centre + draw.normal(0, 0.08, points.shape), 0, 1)
            final = self.final(points)
            if centre is None or final.max() > self.best:
                centre = points[final.argmax()]
            self.best = max(self.best, float(final.max()))

    def curves(self, units: np.ndarray, epochs: Sequence[int] = range(1, EPOCHS + 1)) -> np.ndarray:
        """Validation accuracy 0..1 after some epochs (T, E) at points (T, D) of the unit cube."""
        edits = [SPACE.edit(point) for point in units]
        rows = np.array([[edit[name] for name in INPUTS[1:]] for edit in edits], np.float32)
        at = np.tile(np.array(epochs, np.float32), len(rows))[:, None]
        rows = np.concatenate([at, np.repeat(rows, len(epochs), 0)], 1)
        code = np.full((len(rows), 1), self._code, np.int32)
        return self.session.run(None, {"x_cat": code, "x_cont": rows})[0][:, 1].reshape(-1, len(epochs)) / 100

    def final(self, units: np.ndarray) -> np.ndarray:
        """Validation accuracy at the end (T,)."""
        return self.curves(units, [EPOCHS])[:, 0]

    def regret(self, value: float) -> float:
        """0 is the best known, 1 what half of all random trials reach."""
        self.best = max(self.best, value)
        return (self.best - value) / max(self.best - self.middle, 1e-9)


@cache
def _session(folder: str):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options, providers=["CPUExecutionProvider"])
    return session, json.loads(Path(folder, "encoding.json").read_text())["OpenML_task_id"]


def tasks(folder: Path) -> list[str]:
    """The data sets, in a fixed order."""
    names = json.loads((folder / "config_space.json").read_text())["hyperparameters"][0]["choices"]
    return sorted(names, key=int)


# the methods: (table, seed) -> accuracy at epoch 52 of the trial that the method would hand over


def staged(
    table: Table,
    seed: int,
    budget: int = BUDGET,
    width: int = 64,
    make: Callable = Staged,
    keep: float = KEEP,
    stages: int = STAGES,
) -> float:
    """Ours, as the driver runs it: stages of `width` trials and more, halving inside each."""
    rungs = ladder(EPOCHS, keep)
    each = rung_cost(width, rungs, keep) / width
    plan = sizes(int(budget / each), stages, least=width)
    method, space = make(SPACE, seed), SPACE
    units, scores, epochs, curves = np.empty((0, len(space))), np.empty(0), np.empty(0, int), []
    for stage, count in enumerate(plan):
        points = method.propose(count, stage, Seen(units, scores, epochs, curves))
        whole = table.curves(points, rungs)
        reached, alive = np.zeros(count, int), np.arange(count)
        for number, until in enumerate(rungs):
            reached[alive] = until
            order = alive[np.argsort(-whole[alive, number], kind="stable")]
            alive = order[: survivors(count, number, len(rungs), keep)]
        units = np.concatenate([units, points])
        scores = np.concatenate([scores, whole[np.arange(count), np.searchsorted(rungs, reached)]])
        epochs = np.concatenate([epochs, reached])
        curves += [[]] * count
    full = scores[epochs == EPOCHS]
    return float(full.max())


def rung_cost(count: int, rungs: list[int], keep: float = KEEP) -> float:
    """Epochs that a stage costs."""
    total, before, alive = 0.0, 0, count
    for number, until in enumerate(rungs):
        total += alive * (until - before)
        before, alive = until, survivors(count, number, len(rungs), keep)
    return total


def random(table: Table, seed: int, budget: int = BUDGET) -> float:
    """Full trainings drawn from the whole space."""
    draw = np.random.default_rng([seed, 1])
    return float(table.final(draw.random((budget // EPOCHS, len(SPACE)))).max())


def random_halving(table: Table, seed: int) -> float:
    """Random trials, halved."""
    from babysit.tuner.methods import Random

    return staged(table, seed, make=Random)


def tpe(table: Table, seed: int, batch: int = 1) -> float:
    """Optuna's TPE on full trainings, told after each, or in batches."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=batch > 1)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    count = BUDGET // EPOCHS
    while count > 0:
        asked = [study.ask() for _ in range(min(batch, count))]
        points = np.array([[trial.suggest_float(name, 0, 1) for name in SPACE] for trial in asked])
        for trial, value in zip(asked, table.final(points), strict=True):
            study.tell(trial, float(value))
        count -= len(asked)
    return float(study.best_value)


METHODS: dict[str, Callable[[Table, int], float]] = {
    "random": random,
    "random, twice the budget": lambda table, seed: random(table, seed, 2 * BUDGET),
    "random + halving": random_halving,
    "TPE in batches of 16": lambda table, seed: tpe(table, seed, 16),
    "TPE, one after another": tpe,
    "staged (ours), batches of 64": staged,
}


def measure(
    folder: Path, half: str, seeds: int, methods: dict[str, Callable[[Table, int], float]]
) -> dict[str, np.ndarray]:
    """Regret (data sets, seeds) of each method."""
    names = tasks(folder)[0 if half == "tuned" else 1 :: 2]
    tables = [Table(folder, name) for name in names]
    values = {
        name: np.array([[method(table, seed) for seed in range(seeds)] for table in tables])
        for name, method in methods.items()
    }
    for row in range(len(tables)):  # the best known by anyone
        for found in values.values():
            tables[row].best = max(tables[row].best, float(found[row].max()))
    return {
        name: np.array([[table.regret(value) for value in row] for table, row in zip(tables, found, strict=True)])
        for name, found in values.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("LCBENCH"))
    parser.add_argument("--half", choices=("tuned", "held-out"), default="held-out")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json")
    told = parser.parse_args()
    if not told.data or not Path(told.data, "model.onnx").exists():
        sys.exit("lcbench is not here: give its folder with --data or $LCBENCH (nothing measured)")
    found = measure(Path(told.data), told.half, told.seeds, METHODS)
    report(found)
    if told.json:
        Path(told.json).write_text(json.dumps({name: float(one.mean()) for name, one in found.items()}))


def report(found: dict[str, np.ndarray]) -> None:
    """A table: mean and median regret, and the paired test against sequential TPE over data sets."""
    from scipy.stats import wilcoxon

    against = found.get("TPE, one after another")
    for name, one in found.items():
        p = ""
        if against is not None and one is not against:
            p = f"p = {wilcoxon(one.mean(1), against.mean(1)).pvalue:.3g} against sequential TPE"
        print(f"{name:32s} mean regret {one.mean():6.2%}  median {np.median(one):6.2%}  {p}")


if __name__ == "__main__":
    main()
