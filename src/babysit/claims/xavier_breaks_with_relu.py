"""Xavier's weights under ReLU: half of the variance is lost in each layer."""

from __future__ import annotations

import numpy as np

from ..views.panel import Limit
from ._claim import claim
from ._lecture import HE_2015, INITIALIZATION
from ._towers import through_depth, towers
from ._verdict import Criterion, Measured


@claim(
    INITIALIZATION,
    paper=HE_2015,
    order=5,
    criteria={"": Criterion("std of the outputs, layer 10 / layer 1", high=0.1, ratio=True)},
)
def xavier_breaks_with_relu(data, *, seeds, quick):
    """Xavier's init breaks when ReLU is used: the signal halves layer by layer.

    The lecture's experiment: ten ReLU layers of 500 units, unit gaussian input, the package's init "xavier".

    Criterion: the std of layer 10's outputs is less than 0.1 times layer 1's.
    """
    found = towers("relu", "xavier", seeds, quick=quick)
    beside = [("tanh", towers("tanh", "xavier", seeds[:2], quick=quick), "green")]
    figure = through_depth("Through ten ReLU layers, Xavier's weights", found, beside).edit(
        limits=[Limit(0.1, "the bar")]
    )
    factor = float(np.mean([(one.std[-1] / one.std[0]) ** (2 / 9) for one in found]))
    return Measured(
        {"": [one.std[-1] / one.std[0] for one in found]}, figure,
        f"A ReLU sets half of what comes in to zero and so halves its second moment; here each layer leaves {factor:.2f} of the variance. "
        "Ten layers leave a thousandth. It isn't death at this depth, but it grows with every layer.",
        beside=f"The lecture: std 0.582 at layer 1, 0.026 at layer 10. Here {np.mean([one.std[0] for one in found]):.3f} and {np.mean([one.std[-1] for one in found]):.3f}.",
    )  # fmt: skip
