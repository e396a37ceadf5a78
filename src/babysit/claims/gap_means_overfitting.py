"""A large gap between training and validation: overfitting, and what closes it."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Panel
from ._claim import claim
from ._lecture import GEMAN_1992, MONITORING
from ._material import redrawn
from ._networks import by_seed, fleet, many, mlps
from ._panels import spread
from ._verdict import GAIN, Criterion, Measured

SIZES = (50, 100, 200, 400, 800)
DECAY = 1e-2


@claim(
    MONITORING, paper=GEMAN_1992, order=3,
    parts=True,
    criteria={
        "there is a gap": Criterion("training - validation accuracy from 100 examples", low=0.05, points=True),
        "more data closes it": Criterion("gap from 100 examples - gap from 800", low=GAIN, points=True),
        "regularization helps": Criterion("validation accuracy, decay 1e-2 - none, 100 examples", low=GAIN, points=True),
    },
)  # fmt: skip
def gap_means_overfitting(data, *, seeds, quick):
    """A big gap between training and validation accuracy means overfitting: more data or more regularization helps.

    Two layers of 128 on standardized rows, trained on 50 to 800 examples (fewer where there are fewer), each seed on others, SGD with
    momentum at lr = 0.02; with 100 also under a decay of 0.01, three choices of the 100 a seed.

    Criterion: from 100 examples the gap is more than 5 points; from 800 it is smaller, by more than 0.5 points; and with 100 examples a decay
    of 0.01 brings more than 0.5 points of validation accuracy.
    """
    rows = data.rows()
    steps = 150 if quick else 500
    gaps, train, val = [], [], []
    for size in SIZES:
        x, y, val_x, val_y = redrawn(rows, seeds, size)
        ships = fleet([mlps(rows, seeds, width=128)], seeds, lr=0.02)
        ships.train(x, y, steps, every=steps)
        train.append(ships.accuracy(x, y))
        val.append(ships.accuracy(val_x, val_y))
        gaps.append(train[-1] - val[-1])
    helped = _under_decay(rows, many(seeds, data.often(1 if quick else 3)), steps, seeds)
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
            "regularization helps": helped,
        },
        figure,
        "A network that gets its few examples all right and new ones not has learned what is particular to those few. More examples leave less room for "
        f"that. Decay asks for small weights; what it brings here is {100 * helped.mean():+.1f} points of validation accuracy.",
    )  # fmt: skip


def _under_decay(rows, own, steps, seeds):
    """Validation accuracy (S,) gained by decay on 100 examples."""
    x, y, val_x, val_y = redrawn(rows, own, 100)
    scores = []
    for decay in (0.0, DECAY):
        ships = fleet([mlps(rows, own, width=128)], own, lr=0.02, decay=decay)
        ships.train(x, y, steps, every=steps)
        scores.append(by_seed(ships.accuracy(val_x, val_y), seeds))
    return scores[1] - scores[0]
