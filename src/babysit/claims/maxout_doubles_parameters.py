"""What maxout costs in parameters, and what they would have bought a ReLU network."""

from __future__ import annotations

import numpy as np

from ..nn import mlp
from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._lecture import ACTIVATIONS, GOODFELLOW_2013
from ._networks import by_seed, fleet, many, mlps
from ._panels import spread
from ._verdict import GAIN, Criterion, Measured

WIDTHS = (4, 8, 16, 32)


@claim(
    ACTIVATIONS, paper=GOODFELLOW_2013, order=13,
    parts=True,
    criteria={
        "hidden layers": Criterion("parameters of the hidden layers, maxout of 2 / ReLU of the same width", low=2.0, high=2.0, ratio=True),
        "worth it": Criterion("validation accuracy, maxout - ReLU with as many parameters", low=GAIN, points=True),
    },
)  # fmt: skip
def maxout_doubles_parameters(data, *, seeds, quick):
    """Maxout doubles the parameters of a layer, and is worth them.

    Two layers on standardized rows, maxout of two pieces with 4, 8, 16, 32 units; beside it ReLU with as many parameters
    as that in all (the width that comes nearest), eight networks a seed. SGD with momentum at lr = 0.02.

    Criterion: the hidden layers of maxout have exactly 2 times the parameters of ReLU's at the same width; and at
    8 units its validation accuracy is more than 0.5 points above that of ReLU with as many parameters.
    """
    rows = data.rows()
    steps = 150 if quick else 500
    scores: dict[str, list[np.ndarray]] = {"maxout": [], "relu": []}
    sizes: dict[str, list[int]] = {"maxout": [], "relu": []}
    ratio, own = [], many(seeds, data.often(2 if quick else 8))
    for width in WIDTHS:
        wanted = _size(mlp(rows.shape, rows.classes, width=width, activation="maxout"))
        match = min(
            range(width, 2 * width + 9), key=lambda one: abs(_size(mlp(rows.shape, rows.classes, width=one)) - wanted)
        )
        for name, units in (("maxout", width), ("relu", match)):
            nets = mlps(rows, own, activation=name, width=units)
            ships = fleet([nets], own, lr=0.02)
            ships.train(rows.x, rows.y, steps, every=steps)
            scores[name].append(by_seed(ships.accuracy(rows.val_x, rows.val_y), seeds))
            sizes[name].append(_size(nets[0]))
        two, one = (mlp(rows.shape, rows.classes, width=width, activation=name) for name in ("maxout", "relu"))
        ratio.append((_size(two) - _size(two[-1])) / (_size(one) - _size(one[-1])))
    marks = [
        *spread("maxout", sizes["maxout"], np.array(scores["maxout"]).T, "purple"),
        *spread("relu", sizes["relu"], np.array(scores["relu"]).T, "blue"),
    ]
    at = WIDTHS.index(8)
    figure = Panel(
        "Validation accuracy by the number of parameters", marks, x=Axis("parameters", log=True), y=Axis("validation accuracy", share=True),
        limits=[Limit(float(sizes["maxout"][at]), "judged here", "x", "note")],
    )  # fmt: skip
    return Measured(
        {"hidden layers": [ratio[at]] * len(seeds), "worth it": scores["maxout"][at] - scores["relu"][at]}, figure,
        "Each piece of a maxout unit has weights and a bias of its own, so two pieces are twice the parameters, before any "
        "gain in width. Whether they are better spent on pieces than on more ReLU units is the second question here.",
    )  # fmt: skip


def _size(net):
    return sum(one.numel() for one in net.parameters())
