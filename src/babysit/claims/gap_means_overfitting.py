"""A large gap between training and validation: overfitting, and what closes it."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Panel
from ._claim import claim
from ._lecture import GEMAN_1992, MONITORING
from ._networks import fleet, mlps
from ._panels import spread
from ._verdict import Criterion, Measured

SIZES = (50, 100, 200, 400, 800)
DECAYS = (0.0, 1e-3, 3e-3, 1e-2, 3e-2)


@claim(
    MONITORING, paper=GEMAN_1992, order=3,
    criteria={
        "there is a gap": Criterion("training - validation accuracy from 100 examples", low=0.05, points=True),
        "more data closes it": Criterion("gap from 100 examples - gap from 800", low=0.0, points=True),
        "regularization helps": Criterion("validation accuracy, decay 1e-2 - none, 100 examples", low=0.0, points=True),
    },
)  # fmt: skip
def gap_means_overfitting(data, *, seeds, quick):
    """A big gap between training and validation accuracy means overfitting: more data or more regularization helps.

    Two layers of 128 on standardized rows, trained on 50 to 800 examples (fewer where there are fewer), SGD with momentum at lr = 0.02; with 100
    also under decays of 0.001 to 0.03.

    Criterion: from 100 examples the gap is more than 5 points; from 800 it is smaller, by more than 0 points; and with 100 examples a decay
    of 0.01 brings more than 0 points of validation accuracy.
    """
    rows = data.rows()
    steps = 150 if quick else 500
    gaps, train, val = [], [], []
    for size in SIZES:
        cut = rows.first(size)
        ships = fleet([mlps(cut, seeds, width=128)], seeds, lr=0.02)
        ships.train(cut.x, cut.y, steps, every=steps)
        train.append(ships.accuracy(cut.x, cut.y))
        val.append(ships.accuracy(rows.val_x, rows.val_y))
        gaps.append(train[-1] - val[-1])
    cut = rows.first(100)
    ships = fleet([mlps(cut, seeds, width=128) for _ in DECAYS], seeds, lr=0.02, decay=np.repeat(DECAYS, len(seeds)))
    ships.train(cut.x, cut.y, steps, every=steps)
    helped = ships.accuracy(rows.val_x, rows.val_y).reshape(len(DECAYS), -1)
    marks = [
        *spread("training", SIZES, np.array(train).T, "train"),
        *spread("validation", SIZES, np.array(val).T, "val"),
    ]
    figure = Panel(
        "Accuracy by the number of training examples",
        marks,
        x=Axis("training examples", log=True),
        y=Axis("accuracy", share=True),
    )
    return Measured(
        {
            "there is a gap": gaps[SIZES.index(100)],
            "more data closes it": gaps[SIZES.index(100)] - gaps[-1],
            "regularization helps": helped[DECAYS.index(1e-2)] - helped[0],
        },
        figure,
        "A network that gets its few examples all right and new ones not has learned what is particular to those few. More examples leave less room for "
        f"that. Decay asks for small weights; what it brings here is {100 * (helped[DECAYS.index(1e-2)] - helped[0]).mean():+.1f} points of validation accuracy.",
    )  # fmt: skip
