"""Inputs that are all positive push all weights of a unit the same way."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..views.panel import Axis
from ._claim import claim
from ._lecture import LECUN_1998, PREPROCESSING
from ._networks import mlps, one_sign
from ._panels import arms
from ._verdict import Criterion, Measured


@claim(
    PREPROCESSING, paper=LECUN_1998, order=1,
    criteria={
        "raw": Criterion("units whose incoming weights all move the same way, inputs as they are (>= 0)", low=0.99, share=True),
        "centred": Criterion("the same with each feature's mean taken away", high=0.05, share=True),
    },
)  # fmt: skip
def all_positive_inputs_give_same_sign_gradients(data, *, seeds, quick):
    """All-positive inputs give all gradients on the weights into a unit the same sign.

    The gradient of single examples on the first layer's weights (50 tanh units): each feature shifted so that its smallest
    training value is 0, and the same rows with each feature's mean taken away. A weight
    whose input is 0 doesn't move, and units that get no gradient at all aren't counted.

    Criterion: with inputs >= 0 more than 99 % of the units see one sign only; centred, less than 5 %.
    """
    raw = data.rows("none")
    raw = raw.map(lambda x: x - raw.x.amin(0))
    centred = raw.map(lambda x: x - raw.x.mean(0))
    values, agreement = {}, {}
    for name, rows in (("raw", raw), ("centred", centred)):
        nets = mlps(rows, seeds, how="xavier", activation="tanh", width=50, depth=1)
        values[name] = [_share(net, rows, 10 if quick else 40) for net in nets]
        for size in (1, 4, 16, 64):
            told = f"{name}, {size} example{'s' * (size > 1)}"
            agreement[told] = [_share(net, rows, 10, size) for net in nets]
    figure = arms(
        "Units whose weights all move the same way", agreement, Axis("of all units", share=True, low=-0.02, high=1.02),
        {name: "bad" for name in agreement if name.startswith("raw")},
    )  # fmt: skip
    return Measured(
        values, figure,
        "The gradient on each weight is the unit's error times that weight's input; with no negative input the error's sign "
        "decides for all weights at once. Averaged over a batch the agreement fades, but the pull along that direction "
        "remains; taking the mean away removes it.",
    )  # fmt: skip


def _share(net, rows, draws, size=1):
    layer = next(one for one in net.modules() if isinstance(one, torch.nn.Linear))
    shares = []
    for start in range(0, draws * size, size):
        index = [(start + k) % len(rows.y) for k in range(size)]
        (g,) = torch.autograd.grad(F.cross_entropy(net(rows.x[index]), rows.y[index]), layer.weight)
        shares.append(one_sign(g))
    return float(np.mean(shares))
