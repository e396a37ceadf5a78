"""Does batch norm generalize better, and does dropout then bring less?"""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Panel
from ._claim import claim
from ._lecture import IOFFE_2015, NORMALIZATION
from ._networks import fleet, mlps
from ._panels import dots
from ._verdict import Criterion, Measured


@claim(
    NORMALIZATION, paper=IOFFE_2015, order=4,
    criteria={
        "regularizes": Criterion("validation accuracy without dropout, batch norm - plain", low=0.0, points=True),
        "dropout is needed less": Criterion("what dropout gains, plain - batch norm", low=0.0, points=True),
    },
)  # fmt: skip
def batch_norm_regularizes_a_little(data, *, seeds, quick):
    """Batch norm regularizes a little, and slightly reduces the need for dropout.

    Three ReLU layers of 128, trained on 200 examples until all are right (400 steps in batches of 32, SGD with momentum at lr =
    0.02), with and without batch norm, with and without dropout of 0.3; three inits and orders for each seed.

    Criterion: without dropout batch norm's validation accuracy is more than 0 points higher; and dropout gains more than 0 points
    more without batch norm than with it.
    """
    rows = data.rows().first(200)
    steps = 120 if quick else 400
    many = [seed + 300 * k for seed in seeds for k in range(1 if quick else 3)]
    scores = {}
    for norm in ("none", "batch"):
        for dropout in (0.0, 0.3):
            ships = fleet([mlps(rows, many, width=128, depth=3, norm=norm, dropout=dropout)], many, lr=0.02)
            ships.train(rows.x, rows.y, steps, batch=32, every=steps)
            scores[norm, dropout] = ships.accuracy(rows.val_x, rows.val_y).reshape(len(seeds), -1).mean(1)
    names = {("none", 0.0): "plain", ("none", 0.3): "dropout", ("batch", 0.0): "batch norm", ("batch", 0.3): "both"}
    x = np.repeat(np.arange(4), len(seeds))
    figure = Panel(
        "Validation accuracy from 200 examples", [dots("seeds", x, np.concatenate([scores[one] for one in names]), "sky"),
                                                   dots("mean", np.arange(4), [scores[one].mean() for one in names], "ink")],
        x=Axis(names=tuple(names.values()), low=-0.5, high=3.5), y=Axis("validation accuracy", share=True),
    )  # fmt: skip
    gain = {norm: scores[norm, 0.3] - scores[norm, 0.0] for norm in ("none", "batch")}
    return Measured(
        {"regularizes": scores["batch", 0.0] - scores["none", 0.0], "dropout is needed less": gain["none"] - gain["batch"]}, figure,
        "An example's normalized values depend on who else is in its batch, which is noise of the kind that dropout makes on purpose. "
        f"Dropout gains {100 * gain['none'].mean():+.1f} points on the plain network and {100 * gain['batch'].mean():+.1f} on the normalized one.",
    )  # fmt: skip
