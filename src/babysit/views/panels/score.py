"""Accuracy, or R²: training beside validation, and what the gap between them says."""

from __future__ import annotations

import math

import numpy as np

from ..panel import STEPS, Area, Axis, Line, Panel, Value, panel
from ..verdict import newest
from ..words import number, share


@panel("accuracy.*", "r2.*", order=20)
def score(run):
    """Training and validation score; the gap between them is what was learned by heart."""
    what = "accuracy" if run.has("accuracy.val") or run.has("accuracy.train") else "r2"
    train, val = run.series(f"{what}.train"), run.series(f"{what}.val")
    if not len(train) and not len(val):
        return None
    tell = share if what == "accuracy" else number
    marks, values = [], []
    if len(train) and len(val):
        marks.append(_gap(train, val))
    if len(train):
        marks.append(Line("train", train.steps, train.values, "train"))
        values.append(Value("train", newest(run, f"{what}.train", tell), "train"))
    if len(val):
        marks.append(Line("val", val.steps, val.values, "val"))
        best = int(np.nanargmax(val.values)) if np.isfinite(val.values).any() else 0
        values += [Value("val", newest(run, f"{what}.val", tell), "val"), Value("best val", f"{tell(float(val.values[best]))} at step {int(val.steps[best]):,}")]  # fmt: skip
    title = "Accuracy" if what == "accuracy" else "R²"
    axis = Axis("share right" if what == "accuracy" else "R²", share=what == "accuracy")
    same = float(np.interp(val.steps[-1], train.steps, train.values)) if len(train) and len(val) else math.nan
    return Panel(title, marks, x=STEPS, y=axis, values=values, note=_judged(same, val.last, what))


def _gap(train, val) -> Area:
    """The strip between the two, at the steps of validation."""
    at = np.interp(val.steps, train.steps, train.values)
    return Area("gap", val.steps, np.minimum(at, val.values), np.maximum(at, val.values), "mid")


def _judged(train: float, val: float, what: str) -> str:
    gap = train - val
    if not math.isfinite(gap):
        return ""
    told = f"{number(gap * 100, 2)} points" if what == "accuracy" else number(gap, 2)
    more = told.lstrip("-")
    if gap < -0.02:
        return f"Validation is ahead by {more}: dropout or augmentation make training harder, or training is measured earlier."
    if gap > 0.1:
        return f"The gap is {told}: learned by heart. More regularization or more data would help."
    if gap < 0.02 and 0.5 < train < 0.9:  # below, it has not learned yet: capacity is not the question
        return f"Almost no gap ({told}) and room above: the network can take more capacity."
    return f"The gap is {told}." if gap >= 0 else f"Validation is ahead by {more}."
