"""He's factor of two for ReLU, and what it is worth in training."""

from __future__ import annotations

import numpy as np

from ._claim import claim
from ._lecture import HE_2015, INITIALIZATION
from ._networks import fleet, mlps
from ._towers import through_depth, towers
from ._verdict import GAIN, Criterion, Measured


@claim(
    INITIALIZATION, paper=HE_2015, order=6,
    parts=True,
    criteria={
        "outputs": Criterion("std of the outputs, layer 10 / layer 1", low=0.5, high=2.0, ratio=True),
        "training": Criterion("validation accuracy after 200 steps through 20 layers, He - Xavier", low=GAIN, points=True),
    },
)  # fmt: skip
def he_fixes_it(data, *, seeds, quick):
    """He's init, twice Xavier's variance, fixes it for ReLU.

    The lecture's experiment: ten ReLU layers of 500 units, unit gaussian input, the package's init "he". Then twenty ReLU layers
    of 32 on standardized rows, 200 steps of SGD with momentum at lr = 0.01, started by either.

    Criterion: layer 10's outputs have a std of 0.5 to 2 times layer 1's; and validation accuracy of the twenty layers is more than 0.5
    points above that from Xavier's start.
    """
    found = towers("relu", "he", seeds, quick=quick)
    beside = [("Xavier", towers("relu", "xavier", seeds[:2], quick=quick), "bad")]
    rows = data.rows()
    groups = [mlps(rows, seeds, how=how, width=32, depth=20) for how in ("he", "xavier")]
    ships = fleet(groups, seeds, lr=0.01)
    ships.train(rows.x, rows.y, 100 if quick else 200, every=100)
    he, xavier = ships.accuracy(rows.val_x, rows.val_y).reshape(2, -1)
    return Measured(
        {"outputs": [one.std[-1] / one.std[0] for one in found], "training": he - xavier},
        through_depth("Through ten ReLU layers, He's weights", found, beside),
        "Twice the variance makes up for the half that ReLU takes away, so the signal keeps its size both ways. Through twenty layers "
        f"that is a network that learns at once ({he.mean():.0%} after 200 steps) against one that has hardly begun ({xavier.mean():.0%}).",
        beside=f"The lecture: std 0.83 to 0.86 at layers 1 to 10. Here {np.mean([one.std[0] for one in found]):.3f} at layer 1, {np.mean([one.std[-1] for one in found]):.3f} at layer 10.",
    )  # fmt: skip
