"""No gap: a larger network would do better."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Panel
from ._claim import claim
from ._lecture import GEMAN_1992, MONITORING
from ._material import redrawn
from ._networks import by_seed, fleet, many, mlps
from ._panels import spread
from ._verdict import GAIN, Criterion, Measured

WIDTHS = (2, 3, 4, 8, 16, 64)


@claim(
    MONITORING, paper=GEMAN_1992, order=4,
    parts=True,
    criteria={
        "no gap": Criterion("training - validation accuracy at width 3", high=0.05, points=True),
        "more capacity helps": Criterion("validation accuracy, width 64 - width 3", low=GAIN, points=True),
    },
)  # fmt: skip
def no_gap_means_more_capacity(data, *, seeds, quick):
    """No gap between training and validation accuracy means that the network may be larger.

    Two ReLU layers of 2 to 64 units on standardized rows, SGD with momentum at lr = 0.02; training and validation examples are
    mixed and cut anew four times a seed, for a gap of one cut may be the cut's.

    Criterion: at 3 units training accuracy is less than 5 points above validation accuracy; and 64 units bring more than 0.5 points of
    validation accuracy.
    """
    rows = data.rows()
    steps = 200 if quick else 600
    train, val, own = [], [], many(seeds, data.often(2 if quick else 4))
    x, y, val_x, val_y = redrawn(rows, own, len(rows.y))
    for width in WIDTHS:
        ships = fleet([mlps(rows, own, width=width)], own, lr=0.02)
        ships.train(x, y, steps, every=steps)
        train.append(by_seed(ships.accuracy(x, y), seeds))
        val.append(by_seed(ships.accuracy(val_x, val_y), seeds))
    marks = [
        *spread("training", WIDTHS, np.array(train).T, "train"),
        *spread("validation", WIDTHS, np.array(val).T, "val"),
    ]
    figure = Panel(
        "Accuracy by the network's width",
        marks,
        x=Axis("units in each layer", log=True),
        y=Axis("accuracy", share=True, high=1.02),
    )
    three = WIDTHS.index(3)
    return Measured(
        {"no gap": train[three] - val[three], "more capacity helps": val[-1] - val[three]}, figure,
        "Where a network is as wrong on what it has seen as on what it hasn't, it isn't the memory of particular examples that costs accuracy but that "
        "it can't express the rule: more units can. The gap opens as they come.",
    )  # fmt: skip
