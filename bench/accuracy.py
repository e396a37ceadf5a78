"""How good the whole recipe is: `python bench/accuracy.py [--sets iris,wine] [--seeds 100-119] [--json FILE]`.

Each bundled set is raised by the whole recipe on several splits, beside what scikit-learn reaches on the same
splits: its best-tuned MLP (a random search over widths, alpha and learning rate, compared by 4 folds of train and
validation together, standardized), or ridge with its best alpha for diabetes. The differences are paired by split and come
with their standard error, since one split of 150 examples says little. Wanted: digits at least 97.5 %, the tables within a
point, diabetes no worse than ridge. What was tuned in babysit was tuned on seeds below 20; report others.

`--json` keeps one row a split and goes on where it was. `--rival` and `--ours` do one half alone. `--patience 4`
gives searches four times as long, for a machine that does other things.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from scipy.stats import loguniform
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import babysit
from babysit.data import Split, load
from babysit.tuner.before_training import before_training

SPACE = {
    "mlpclassifier__hidden_layer_sizes": [(16,), (64,), (128,), (64, 64)],
    "mlpclassifier__alpha": loguniform(1e-4, 10),
    "mlpclassifier__learning_rate_init": loguniform(1e-3, 3e-2),
}
DRAWS, FOLDS = 12, 4
ROWS: list[dict[str, Any]] = []
"""Rows of this call, where no file keeps them."""


def arrays(split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train and validation together, then test: x (N, D) and y (N,) of each."""
    x = np.concatenate([part.x.flatten(1).numpy() for part in (split.train, split.val)])
    y = np.concatenate([part.y.numpy() for part in (split.train, split.val)])
    return x, y, split.test.x.flatten(1).numpy(), split.test.y.numpy()


def rival(name: str, seed: int) -> dict[str, Any]:
    """What scikit-learn's best reaches on the test part."""
    if name == "digits":
        return {}
    split = load(babysit.Recipe(data=name, seed=seed))
    x, y, test_x, test_y = arrays(split)
    if split.task == "regression":
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 30)))
        return {"rival": ridge.fit(x, y).score(test_x, test_y)}
    network = make_pipeline(StandardScaler(), MLPClassifier(max_iter=400, random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = RandomizedSearchCV(network, SPACE, n_iter=DRAWS, cv=FOLDS, random_state=seed).fit(x, y)
    return {"rival": tuned.score(test_x, test_y)}


def ours(name: str, seed: int, *, search: bool, patience: float) -> dict[str, Any]:
    """Test score, wall and processor seconds of the whole recipe."""

    def patient(*args: Any, seconds: float, **more: Any) -> Any:
        return before_training(*args, seconds=patience * seconds, **more)

    with tempfile.TemporaryDirectory() as folder:
        began, used = perf_counter(), cpu()
        recipe = babysit.Recipe(data=name, seed=seed)
        run = babysit.train(recipe, out=Path(folder) / "run", search=patient if search else None, go_on=True)
        test = run.fact("test")
        score = test.get("accuracy", test.get("r2"))
        return {"ours": score, "seconds": perf_counter() - began, "cpu": cpu() - used}


def cpu() -> float:
    """Processor seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(name: str, seeds: list[int], works: list[Callable[[str, int], dict[str, Any]]], kept: Path | None) -> None:
    """Fill in what is not known yet, row by row."""
    for seed in seeds:
        for work in works:
            row = {"set": name, "seed": seed, **work(name, seed)}
            print(json.dumps(row), flush=True)
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            else:
                ROWS.append(row)


def known(kept: Path | None) -> dict[tuple[str, int], dict[str, Any]]:
    """Rows by set and seed, both halves merged."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    rows = ROWS
    if kept is not None and kept.exists():
        rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        found.setdefault((row["set"], row["seed"]), {}).update(row)
    return found


def table(rows: dict[tuple[str, int], dict[str, Any]], names: list[str]) -> str:
    """One line a set: means, and the paired difference with its standard error."""
    lines = []
    for name in names:
        mine = [row for (one, _), row in rows.items() if one == name and "ours" in row]
        if not mine:
            continue
        scores = [row["ours"] for row in mine]
        text = f"{name:14s} babysit {statistics.mean(scores):.4f} (least {min(scores):.4f}, {len(scores)} splits)"
        gaps = [row["ours"] - row["rival"] for row in mine if "rival" in row]
        if len(gaps) > 1:
            error = statistics.stdev(gaps) / math.sqrt(len(gaps))
            theirs = statistics.mean(row["rival"] for row in mine if "rival" in row)
            text += f"   scikit-learn {theirs:.4f}   difference {statistics.mean(gaps):+.4f} ± {error:.4f}"
        lines.append(f"{text}   {statistics.median(row['cpu'] for row in mine):.1f} s of processor time")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="100-119", help="FIRST-LAST")
    parser.add_argument("--sets", default="digits,wine,breast_cancer,iris,diabetes")
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--no-search", dest="search", action="store_false")
    parser.add_argument("--patience", type=float, default=1.0)
    parser.add_argument("--ours", action="store_true")
    parser.add_argument("--rival", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    first, _, last = options.seeds.partition("-")
    names = options.sets.split(",")
    both = options.ours == options.rival
    for name in names:
        rows = known(options.json)
        for seed in range(int(first), int(last or first) + 1):
            row = rows.get((name, seed), {})
            works: list[Callable[[str, int], dict[str, Any]]] = []
            if (both or options.ours) and "ours" not in row:
                works.append(lambda one, at: ours(one, at, search=options.search, patience=options.patience))
            if (both or options.rival) and "rival" not in row and name != "digits":
                works.append(rival)
            measure(name, [seed], works, options.json)
    print(table(known(options.json), names))


if __name__ == "__main__":
    main()
