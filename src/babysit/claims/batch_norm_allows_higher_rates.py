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
    criteria={
        "highest": Criterion("highest rate that trains, batch norm / plain", low=2.0, ratio=True),
        "range": Criterion("decades of rates that train, batch norm - plain", low=0.0),
    },
)  # fmt: skip
def batch_norm_allows_higher_rates(data, *, seeds, quick):
    """Batch norm allows higher learning rates.

    Four ReLU layers of 32 on standardized rows, He's init, SGD with momentum at 21 rates from 0.001 to 100. A rate trains
    when training accuracy after 200 steps is 90 % of the best rate's or more.

    Criterion: the highest rate that trains is more than 2 times as high with batch norm; and the range of rates that train is more
    than 0 decades wider.
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
    trains = {norm: one >= 0.9 * np.median(one, 1).max() for norm, one in scores.items()}
    highest = {
        norm: np.array([max((rate for rate, fine in zip(rates, column) if fine), default=rates[0]) for column in one.T])
        for norm, one in trains.items()
    }
    width = np.log10(rates[1] / rates[0])
    marks = [*spread("plain", rates, scores["none"].T, "bad"), *spread("batch norm", rates, scores["batch"].T, "blue")]
    figure = Panel(
        "Training accuracy by the rate", marks, x=Axis("learning rate", log=True), y=Axis("training accuracy", share=True, low=0, high=1.02),
        limits=[Limit(float(np.median(highest["none"])), "plain", "x"), Limit(float(np.median(highest["batch"])), "batch norm", "x", "blue")],
    )  # fmt: skip
    return Measured(
        {"highest": highest["batch"] / highest["none"], "range": (trains["batch"].sum(0) - trains["none"].sum(0)) * width}, figure,
        "With batch norm the size of a layer's weights doesn't matter for what it gives, so a step that is too long makes the weights "
        "large instead of the outputs wild; and the larger they are the smaller is the next step in proportion. The rate brakes itself.",
    )  # fmt: skip
