"""The loss: smoothed over raw, validation beside it, chance and explosion drawn in."""

from __future__ import annotations

import numpy as np

from ..facts import median
from ..panel import STEPS, Axis, Limit, Line, Panel, Value, panel
from ..thin import smooth
from ..verdict import newest
from ..words import number


@panel("loss.train", "loss.val", "loss.chance", "fact:range_test", order=10)
def loss(run):
    """The loss of training and validation over the steps; pale is raw, strong is smoothed.

    A cost above three times the first one counts as exploded. Chance is what a constant best guess would cost.
    """
    train, val = run.series("loss.train"), run.series("loss.val")
    if not len(train) and not len(val):
        return None
    marks, values, limits = [], [], []
    if len(train):
        noisy = len(train) >= 50
        marks += [Line("raw", train.steps, train.values, "train", "faint", label=False)] if noisy else []
        steps, strong = smooth(train.steps, train.values) if noisy else (train.steps, train.values)
        marks.append(Line("train", steps, strong, "train"))
        values.append(Value("train", newest(run, "loss.train", number), "train"))
        bad = np.flatnonzero(~np.isfinite(train.values))
        if len(bad):
            limits.append(Limit(float(train.steps[bad[0]]), "not finite from here", "x"))
    if len(val):
        marks.append(Line("val", val.steps, val.values, "val"))
        best = np.nanargmin(val.values) if np.isfinite(val.values).any() else 0
        values += [Value("val", newest(run, "loss.val", number), "val"), Value("best val", f"{number(float(val.values[best]))} at step {int(val.steps[best]):,}")]  # fmt: skip
    known = np.concatenate([train.values, val.values])
    known = known[np.isfinite(known)]
    first = median(train.values[:5])
    if len(known) and 0 < first < 1e300 and known.max() > 2 * first:
        limits.append(Limit(3 * first, "3 × the first loss"))
    chance = run.last("loss.chance")
    if len(known) and np.isfinite(chance) and known.min() < chance:
        limits.append(Limit(chance, "chance", tone="note"))
    log = bool(len(known)) and known.min() > 0 and known.max() / 30 > known.min()
    return Panel("Loss", marks, x=STEPS, y=Axis("loss", log=log, switch=True), limits=limits, values=values, wide=True, height=340,
                 note=_shape(run, train, known))  # fmt: skip


def _shape(run, train, known) -> str:
    """What the curve's shape says of the learning rate, where it says it plainly."""
    if len(train) < 20 or not len(known):
        return ""
    first, last = median(train.values[:5]), median(train.tail(5))
    if not np.isfinite(train.values).all() or last / 3 > first:
        return "The loss exploded: the shape of a learning rate that is much too high."
    return ""
