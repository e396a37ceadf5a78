"""The range of rates that train, with batch norm and without."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._lecture import IOFFE_2015, NORMALIZATION
from ._networks import fleet, mlps
from ._panels import spread
from ._verdict import Criterion, Measured

RATES = tuple(float(one) for one in 10 ** np.arange(-3, 2.01, 0.25))


@claim(
    NORMALIZATION, paper=IOFFE_2015, order=2,
    parts=True,
    criteria={
        "highest": Criterion("highest rate that trains, batch norm / plain", low=2.0, ratio=True),
        "range": Criterion("decades of rates that train, batch norm - plain", low=0.1),
    },
)  # fmt: skip
def batch_norm_allows_higher_rates(data, *, seeds, quick):
    """Batch norm allows higher learning rates.

    Four ReLU layers of 32 on standardized rows, He's init, SGD with momentum at 21 rates from 0.001 to 100. A rate trains
    when training accuracy after 200 steps is 90 % of the best rate's or more; between two rates
    a straight line (in the exponent) says where it crosses that.

    Criterion: the highest rate that trains is more than 2 times as high with batch norm; and the range of rates that train is more
    than 0.1 decades wider.
    """
    rows = data.rows()
    steps = 100 if quick else 200
    rates = RATES[::2] if quick else RATES
    scores = {}
    for norm in ("none", "batch"):
        groups = [mlps(rows, seeds, width=32, depth=4, norm=norm) for _ in rates]
        ships = fleet(groups, seeds, lr=np.repeat(rates, len(seeds)))
        ships.train(rows.x, rows.y, steps, every=steps)
        scores[norm] = ships.accuracy(rows.x, rows.y).reshape(len(rates), len(seeds))
    bars = {norm: 0.9 * np.median(one, 1).max() for norm, one in scores.items()}
    ends = {norm: np.array([_ends(column, rates, bars[norm]) for column in one.T]) for norm, one in scores.items()}
    highest = {norm: one[:, 1] for norm, one in ends.items()}
    width = {norm: np.log10(one[:, 1] / one[:, 0]) for norm, one in ends.items()}
    marks = [*spread("plain", rates, scores["none"].T, "bad"), *spread("batch norm", rates, scores["batch"].T, "blue")]
    figure = Panel(
        "Training accuracy by the rate", marks, x=Axis("learning rate", log=True), y=Axis("training accuracy", share=True, low=0, high=1.02),
        limits=[Limit(float(np.median(highest["none"])), "plain", "x"), Limit(float(np.median(highest["batch"])), "batch norm", "x", "blue")],
    )  # fmt: skip
    return Measured(
        {"highest": highest["batch"] / highest["none"], "range": width["batch"] - width["none"]}, figure,
        "With batch norm the size of a layer's weights doesn't matter for what it gives, so a step that is too long makes the weights "
        "large instead of the outputs wild; and the larger they are the smaller is the next step in proportion. The rate brakes itself.",
    )  # fmt: skip


def _ends(scores, rates, bar):
    """The lowest and the highest rate that trains, to between two rates; the lowest rate twice where none does."""
    fine, logs = np.flatnonzero(scores >= bar), np.log10(rates)
    if not len(fine):
        return rates[0], rates[0]

    def crossing(inside, outside):
        if not 0 <= outside < len(rates):
            return rates[inside]
        share = (scores[inside] - bar) / (scores[inside] - scores[outside])
        return 10 ** (logs[inside] + share * (logs[outside] - logs[inside]))

    return crossing(fine[0], fine[0] - 1), crossing(fine[-1], fine[-1] + 1)
