"""Saturated sigmoids let hardly any gradient through."""

from __future__ import annotations

import math

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._lecture import ACTIVATIONS, GLOROT_2010
from ._networks import mlps, rms, signal
from ._panels import spread
from ._verdict import Criterion, Measured

DEPTH, WIDTH = 6, 100
FAIR = 0.01


@claim(
    ACTIVATIONS, paper=GLOROT_2010, order=1,
    criteria={
        "depth": Criterion("gradient at the first of 6 sigmoid layers / at the last", high=FAIR, ratio=True),
        "saturated units": Criterion("gradient let through by saturated units / by the others", high=0.25, ratio=True),
    },
)  # fmt: skip
def sigmoid_saturates_and_kills_gradients(data, *, seeds, quick):
    """A saturated sigmoid kills the gradient.

    Six sigmoid layers of 100 units on standardized rows, at the start. The gradient on what goes into each layer is
    measured by one backward pass; in the same network with weights N(0, 1) the units are told apart into saturated ones
    (|input| > 4.36, where the derivative is below 5 % of its peak) and the others.

    Criterion: with Xavier's weights the gradient's rms at the first layer is at most 0.01 times that at the last
    one; and saturated units let through at most 0.25 times what the others do.
    """
    rows = data.rows().first(300 if quick else 1000)
    arms = {"sigmoid": ("sigmoid", "xavier"), "tanh": ("tanh", "xavier"), "relu": ("relu", "he")}
    curves = {
        name: [
            _profile(net, rows) for net in mlps(rows, seeds, how=how, activation=activation, width=WIDTH, depth=DEPTH)
        ]
        for name, (activation, how) in arms.items()
    }
    ratios = [one[0] / one[-1] for one in curves["sigmoid"]]
    through = [
        _through(net, rows) for net in mlps(rows, seeds, how="large", activation="sigmoid", width=WIDTH, depth=DEPTH)
    ]
    at = range(1, DEPTH + 1)
    tones = {"sigmoid": "bad", "tanh": "orange", "relu": "blue"}
    marks = [
        mark
        for name, rows_ in curves.items()
        for mark in spread(name, at, [[g / one[-1] for g in one] for one in rows_], tones[name])
    ]
    figure = Panel(
        "Gradient on its way back, against the last layer's", marks, x=Axis("layer, 1 is nearest to the input"),
        y=Axis("gradient, rms / last layer's", log=True), limits=[Limit(FAIR, "the bar: 0.01 at layer 1")],
    )  # fmt: skip
    geometric = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return Measured(
        {"depth": ratios, "saturated units": through}, figure,
        f"A sigmoid's derivative is at most 1/4, and next to nothing where it saturates, so each layer takes most of the "
        f"gradient away: about {(geometric ** (1 / (DEPTH - 1))):.2g} of it is left by each. ReLU passes it on unchanged "
        "wherever a unit is active, and weights of the right size keep it level.",
    )  # fmt: skip


def _profile(net, rows):
    _, gradients = signal(net, rows.x, rows.y)
    return [rms(one) for one in gradients]


def _through(net, rows):
    """rms of what saturated units let through of the gradient on their outputs, against the others'."""
    import torch

    from ._networks import activations

    before = activations(net, rows.x, inputs=True)[:-1]
    slopes = torch.cat([(torch.sigmoid(z) * (1 - torch.sigmoid(z))).detach().flatten() for z in before])
    far = torch.cat([z.detach().abs().flatten() for z in before]) > 4.36
    return rms(slopes[far]) / rms(slopes[~far])
