"""Maxout with the right weights is ReLU, and leaky ReLU, exactly."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..nn import Maxout
from ..views.panel import Axis, Line, Panel
from ._claim import claim
from ._fleet import generator
from ._lecture import ACTIVATIONS, GOODFELLOW_2013
from ._verdict import Criterion, Measured

SAME = "largest difference of outputs, relative to their rms"


@claim(
    ACTIVATIONS, paper=GOODFELLOW_2013, order=12,
    criteria={"relu": Criterion(SAME, high=1e-5), "leaky relu": Criterion(SAME, high=1e-5), "|x|": Criterion(SAME, high=1e-5)},
)  # fmt: skip
def maxout_generalizes_relu(data, *, seeds, quick):
    """Maxout generalizes ReLU and leaky ReLU.

    A layer of 64 units is computed twice on standardized rows: W x + b then ReLU (leaky ReLU with slope 0.01; the absolute
    value), and a maxout layer of two pieces with weights (W, 0), (W, 0.01 W), (W, -W), for other random W and b each seed.

    Criterion: the largest difference is less than 1e-5 of the outputs' rms, for all three.
    """
    rows = data.rows()
    found: dict[str, list[float]] = {"relu": [], "leaky relu": [], "|x|": []}
    functions = {"relu": (torch.relu, 0.0), "leaky relu": (nn.LeakyReLU(0.01), 0.01), "|x|": (torch.abs, -1.0)}
    with torch.no_grad():
        for seed in seeds:
            random = generator(seed)
            layer = nn.Linear(rows.shape[0], 64)
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=random) * (2 / rows.shape[0]) ** 0.5)
            layer.bias.copy_(torch.randn(64, generator=random))
            for name, (function, factor) in functions.items():
                maxout = Maxout(rows.shape[0], 64, pieces=2)
                maxout.linear.weight.copy_(torch.cat([layer.weight, factor * layer.weight]))
                maxout.linear.bias.copy_(torch.cat([layer.bias, factor * layer.bias]))
                wanted = function(layer(rows.x))
                found[name].append(float((maxout(rows.x) - wanted).abs().max() / wanted.square().mean().sqrt()))
    x = np.linspace(-3, 3, 61)
    pieces = {"ReLU": np.maximum(x, 0), "|x|": np.abs(x), "leaky": np.maximum(x, 0.1 * x)}
    learned = np.max([-0.8 * x - 1.2, -0.2 * x - 0.3, 0.5 * x - 0.3, 1.1 * x - 1.2], 0)
    marks = [
        Line("a maxout of 4", x, learned, "purple"),
        Line("|x|", x, pieces["|x|"], "orange"),
        Line("leaky", x, pieces["leaky"], "green", "dash"),
        Line("ReLU", x, pieces["ReLU"], "blue"),
    ]
    figure = Panel(
        "What the largest of linear pieces can be",
        marks,
        x=Axis("input"),
        y=Axis("output"),
        note="The leak is drawn ten times as steep.",
    )
    return Measured(
        found, figure,
        "The largest of two linear functions is a ReLU where one of them is 0, a leaky ReLU where one is a small "
        "multiple of the other, and with more pieces any convex function in steps. So a maxout unit learns its own "
        "activation, and it is linear almost everywhere: it neither saturates nor dies.",
    )  # fmt: skip
