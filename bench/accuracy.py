"""How good the whole recipe is: `python bench/accuracy.py [--seeds N] [--sets iris,wine] [--json FILE]`.

Each bundled set is raised by the whole recipe, search included, on several splits, beside what
scikit-learn reaches on the same split: its best-tuned MLP (a grid over widths, alpha and learning rate
with 5-fold cross-validation on train and validation together, standardized), or ridge with its best alpha
for diabetes. Wanted: digits at least 97.5 %, the tables within a point, diabetes no worse than ridge.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from babysit.tuner.before_training import before_training
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import babysit
from babysit.data import Split, load

GRID = {
    "mlpclassifier__hidden_layer_sizes": [(32,), (100,), (64, 64)],
    "mlpclassifier__alpha": [1e-4, 1e-2, 1.0],
    "mlpclassifier__learning_rate_init": [1e-3, 1e-2],
}


def arrays(split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train and validation together, then test: x (N, D) and y (N,) of each."""
    x = np.concatenate([part.x.flatten(1).numpy() for part in (split.train, split.val)])
    y = np.concatenate([part.y.numpy() for part in (split.train, split.val)])
    return x, y, split.test.x.flatten(1).numpy(), split.test.y.numpy()


def rival(split: Split) -> float:
    """What scikit-learn's best reaches on the test part."""
    x, y, test_x, test_y = arrays(split)
    if split.task == "regression":
        return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 30))).fit(x, y).score(test_x, test_y)
    network = make_pipeline(StandardScaler(), MLPClassifier(max_iter=300, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GridSearchCV(network, GRID, cv=5).fit(x, y).score(test_x, test_y)


def ours(name: str, seed: int) -> tuple[float, float]:
    """(test score, seconds) of the whole recipe."""
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        recipe = babysit.Recipe(data=name, seed=seed)
        run = babysit.train(recipe, out=Path(folder) / "run", search=before_training)
        test = run.fact("test")
        return test.get("accuracy", test.get("r2")), perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", default="digits,wine,breast_cancer,iris,diabetes")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name in options.sets.split(","):
        rows = []
        for seed in range(options.seeds):
            split = load(babysit.Recipe(data=name, seed=seed))
            score, seconds = ours(name, seed)
            other = rival(split) if name != "digits" else float("nan")
            rows.append((score, other, seconds))
        scores, others, seconds = (list(column) for column in zip(*rows, strict=True))
        found[name] = {"babysit": scores, "scikit-learn": others, "seconds": seconds}
        print(
            f"{name:14s} babysit {statistics.mean(scores):.4f} (least {min(scores):.4f})"
            f"   scikit-learn {statistics.mean(others):.4f}"
            f"   difference {statistics.mean(scores) - statistics.mean(others):+.4f}"
            f"   {statistics.median(seconds):.1f} s",
            flush=True,
        )
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
