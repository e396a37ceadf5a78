"""A training in words: the rows that each step shows, and the public JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..checks import Check
from ..record import Recipe, Run
from .folder import REPORT
from .folds import Folds
from .loop import Training
from .saved import FILE as MODEL


def result(run: Run) -> dict[str, Any]:
    """The public JSON form of a finished run (schema 1)."""
    return {
        "schema": 1,
        "run": str(run.folder),
        "seconds": round(float(run.fact("seconds", math.nan)), 3),
        "test": run.fact("test"),
        "val": run.fact("val"),
        "recipe": run.fact("recipe"),
        "checks": run.fact("checks", []),
        "trials": len((run.fact("study") or {}).get("trials", [])),
    }


def refusal(gate: Check, expected: str, measured: str, reason: str) -> str:
    return f"{gate.name}: expected {expected}, but measured {measured}. {reason[:1].upper()}{reason[1:]}. (--go-on trains anyway)"


PREPROCESS = {
    "none": "none",
    "center": "subtract each feature's mean",
    "mean-image": "subtract the mean image",
    "channel-mean": "subtract each channel's mean",
    "standardize": "subtract each feature's mean, divide by its standard deviation",
    "pca": "project onto the principal components",
    "whiten": "principal components at unit variance",
    "zca": "whitened, turned back to the pixels (ZCA)",
}


def about_data(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    parts = ", ".join(f"{name} {count:,}" for name, count in facts["examples"].items())
    low, high = facts["range"]
    rows = [("source", str(facts["source"])), ("examples", f"{parts}; shape {' x '.join(map(str, facts['shape']))}")]
    if "classes" in facts:
        count = len(facts["classes"])
        rows.append(("classes", f"{count}; the largest holds {facts['majority']:.0%}, H(y) = {facts['entropy']:.3g}"))
    else:
        target = facts["target"]
        rows.append(
            ("target", f"mean {target['mean']:.4g}, sd {target['std']:.4g}, {target['min']:.4g} … {target['max']:.4g}")
        )
    rows.append(("range", f"{low:.4g} … {high:.4g}"))
    constant = facts["constant"]
    if constant:
        shown = ", ".join(map(str, constant[:5])) + (" …" if len(constant) > 5 else "")
        rows.append(("constant", f"{len(constant)} features never change: {shown}"))
    if facts["missing"]:
        rows.append(("missing", f"{facts['missing']:,} values"))
    across = {pair: count for pair, count in facts["duplicates"]["across"].items() if count}
    if across:
        rows.append(
            ("duplicates", ", ".join(f"{count} in {pair.replace('-', ' and ')}" for pair, count in across.items()))
        )
    return rows


def about_folds(folds: Folds, recipe: Recipe, task: str) -> list[tuple[str, str]]:
    found = folds.judged(task)
    name, value = next((name, found[key]) for name, key in (("accuracy", "accuracy"), ("R²", "r2")) if key in found)
    length = (
        f"all {recipe.epochs} epochs pay"
        if folds.until == recipe.epochs
        else f"{folds.until} of {recipe.epochs} epochs"
    )
    return [
        ("small set", "the final network also learns from the validation part; its epochs are fixed by folds"),
        ("folds", f"{length}: {name} {value:.3f} over {folds.count} folds of {folds.examples} examples"),
    ]


def about_test(val: Mapping[str, Any], test: Mapping[str, Any], folder: Path) -> list[tuple[str, str]]:
    rows = []
    for name, found in (("validation", val), ("test", test)):
        if not found.get("n"):
            continue
        name, where = ("folds", "out of fold") if "folds" in found else (name, "examples")
        low, high = found["interval"]
        if "accuracy" in found:
            rows.append(
                (name, f"accuracy {found['accuracy']:.2%}  (95 %: {low:.1%} … {high:.1%}; {found['n']} {where})")
            )
        else:
            rows.append((name, f"R² {found['r2']:.3f}  (95 %: {low:.3f} … {high:.3f}; {found['n']} {where})"))
    saved = [name for name in (MODEL, "recipe.toml", "run.sqlite", REPORT) if (folder / name).exists()]
    return [*rows, ("saved", f"{folder}/  {', '.join(saved)}")]


def in_words(training: Training, epoch: Any = None) -> str:
    epoch = epoch or training.history[-1]
    name = "acc" if training.task == "classification" else "R²"
    text = f"loss {epoch.loss:.3f}, train {name} {epoch.score:.3f}"
    return text if math.isnan(epoch.val_score) else f"{text}, val {name} {epoch.val_score:.3f}"
