"""Equal weights stay equal."""

from __future__ import annotations

import numpy as np
import torch

from ..views.panel import Axis, Panel
from ._claim import claim
from ._lecture import INITIALIZATION, LECUN_1998
from ._networks import fleet, mlps
from ._panels import spread
from ._verdict import Criterion, Measured

WIDTH = 32
UNITS = "different units of 32 after training"


@claim(
    INITIALIZATION, paper=LECUN_1998, order=1,
    parts=True,
    criteria={
        "all zero": Criterion(UNITS, low=1.0, high=1.0), "all 0.05": Criterion(UNITS, low=1.0, high=1.0),
        "random": Criterion(UNITS, low=31.0),
    },
)  # fmt: skip
def zero_init_makes_clones(data, *, seeds, quick):
    """Weights that start at zero, or all alike, make all units of a layer clones for good.

    Two tanh layers of 32 on standardized rows, weights all 0, all 0.05, or Xavier's; SGD with momentum, lr = 0.02. Units count as
    different when their incoming weights differ by more than 0.1 % of their largest.

    Criterion: after training exactly 1 different unit is left in the first layer from zeros, exactly 1 from 0.05 everywhere,
    and more than 31 of 32 from random weights.
    """
    rows = data.rows()
    steps = 150 if quick else 400
    arms = {
        name: mlps(rows, seeds, how="xavier", activation="tanh", width=WIDTH)
        for name in ("all zero", "all 0.05", "random")
    }
    for name, value in (("all zero", 0.0), ("all 0.05", 0.05)):
        for net in arms[name]:
            for one in net.modules():
                if isinstance(one, torch.nn.Linear):
                    torch.nn.init.constant_(one.weight, value)
    counts, curves, at = {}, {}, np.empty(0)
    scores = {}
    for name, nets in arms.items():
        ships = fleet([nets], seeds, lr=0.02)
        run = ships.train(rows.x, rows.y, steps, every=10)
        first = next(one for one in ships.parameters.values() if one.dim() == 3).detach()
        counts[name] = [_different(one) for one in first]
        curves[name], at = run.loss.T, run.steps
        scores[name] = ships.accuracy(rows.val_x, rows.val_y).mean()
    tones = {"all zero": "bad", "all 0.05": "orange", "random": "blue"}
    marks = [mark for name, one in curves.items() for mark in spread(name, at, one, tones[name])]
    figure = Panel("Training loss", marks, y=Axis("training loss", low=0))
    return Measured(
        counts, figure,
        "Units with equal weights compute the same, get the same gradient and take the same step: nothing can tell them apart, "
        "so the layer is one unit, however wide. From zeros even that one gets no gradient, for the weights that would carry "
        f"it are zero too. Validation accuracy: {scores['all zero']:.0%} from zeros, {scores['all 0.05']:.0%} from 0.05, {scores['random']:.0%} from random weights.",
    )  # fmt: skip


def _different(weights):
    bar = 1e-3 * max(float(weights.abs().max()), 1e-12)
    kept = []
    for row in weights:
        if not any(float((row - one).abs().max()) <= bar for one in kept):
            kept.append(row)
    return float(len(kept))
