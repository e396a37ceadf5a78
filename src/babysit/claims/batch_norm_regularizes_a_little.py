"""Does batch norm generalize better, and does dropout then bring less?"""

from __future__ import annotations

from ..views.panel import Axis
from ._claim import claim
from ._lecture import IOFFE_2015, NORMALIZATION
from ._material import redrawn
from ._networks import by_seed, fleet, many, mlps
from ._panels import arms
from ._verdict import GAIN, Criterion, Measured


@claim(
    NORMALIZATION, paper=IOFFE_2015, order=4,
    parts=True,
    criteria={
        "regularizes": Criterion("validation accuracy without dropout, batch norm - plain", low=GAIN, points=True),
        "dropout is needed less": Criterion("what dropout gains, plain - batch norm", low=GAIN, points=True),
    },
)  # fmt: skip
def batch_norm_regularizes_a_little(data, *, seeds, quick):
    """Batch norm regularizes a little, and slightly reduces the need for dropout.

    Three ReLU layers of 128, trained on 200 examples until all are right (400 steps in batches of 32, SGD with momentum at lr =
    0.02), with and without batch norm, with and without dropout of 0.3; eight inits, orders and choices of the 200 for each seed.

    Criterion: without dropout batch norm's validation accuracy is more than 0.5 points higher; and dropout gains more than 0.5 points
    more without batch norm than with it.
    """
    rows = data.rows()
    steps = 120 if quick else 400
    own, scores = many(seeds, data.often(2 if quick else 8)), {}
    x, y, val_x, val_y = redrawn(rows, own, 200)
    for norm in ("none", "batch"):
        for dropout in (0.0, 0.3):
            ships = fleet([mlps(rows, own, width=128, depth=3, norm=norm, dropout=dropout)], own, lr=0.02)
            ships.train(x, y, steps, batch=32, every=steps)
            scores[norm, dropout] = by_seed(ships.accuracy(val_x, val_y), seeds)
    names = {("none", 0.0): "plain", ("none", 0.3): "dropout", ("batch", 0.0): "batch norm", ("batch", 0.3): "both"}
    shown = {name: scores[one] for one, name in names.items()}
    figure = arms("Validation accuracy from 200 examples", shown, Axis("validation accuracy", share=True))
    gain = {norm: scores[norm, 0.3] - scores[norm, 0.0] for norm in ("none", "batch")}
    return Measured(
        {"regularizes": scores["batch", 0.0] - scores["none", 0.0], "dropout is needed less": gain["none"] - gain["batch"]}, figure,
        "An example's normalized values depend on who else is in its batch, which is noise of the kind that dropout makes on purpose. "
        f"Dropout gains {100 * gain['none'].mean():+.1f} points on the plain network and {100 * gain['batch'].mean():+.1f} on the normalized one.",
    )  # fmt: skip
