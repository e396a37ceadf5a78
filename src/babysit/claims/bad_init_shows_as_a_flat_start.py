"""A loss that is flat first and falls later."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Panel
from ._claim import claim
from ._lecture import GLOROT_2010, MONITORING
from ._networks import fleet, mlps
from ._panels import smooth, spread
from ._statistics import first_below
from ._verdict import Criterion, Measured

FALLEN = 0.95


@claim(
    MONITORING, paper=GLOROT_2010, order=2,
    criteria={
        "relu": Criterion("steps until 5 % of the loss is gone, N(0, 0.01²) / He", low=3.0, ratio=True),
        "tanh": Criterion("steps until 5 % of the loss is gone, N(0, 0.01²) / Xavier", low=3.0, ratio=True),
        "falls later": Criterion("loss at the end / at the start, ReLU from N(0, 0.01²)", high=0.5, ratio=True),
    },
)  # fmt: skip
def bad_init_shows_as_a_flat_start(data, *, seeds, quick):
    """A bad init shows as a loss that stays flat first and falls later.

    Two layers of 64 on standardized rows, weights N(0, 0.01²) against He's (ReLU) and Xavier's (tanh), SGD with momentum at lr = 0.02. The
    flat start is counted in steps until the loss is 95 % of what it began with (the whole training where it never is).

    Criterion: it is more than 3 times as long from N(0, 0.01²), for ReLU and for tanh; and from there ReLU's loss
    ends below 0.5 times what it began with.
    """
    rows = data.rows()
    steps = 500 if quick else 800
    values, marks = {}, []
    for activation, how, tone in (("relu", "he", "blue"), ("tanh", "xavier", "green")):
        ships = fleet(
            [mlps(rows, seeds, how=one, activation=activation, width=64, depth=2) for one in ("small", how)],
            seeds,
            lr=0.02,
        )
        run = ships.train(rows.x, rows.y, steps, every=5)
        needed = np.array(
            [min(first_below(one / one[0], run.steps, FALLEN), steps) for one in smooth(run.loss, 3).T]
        ).clip(1)
        bad, good = needed.reshape(2, -1)
        values[activation] = bad / good
        curves = run.loss.T.reshape(2, len(seeds), -1)
        if activation == "relu":
            values["falls later"] = curves[0][:, -1] / curves[0][:, 0]
        marks += spread(f"{activation}, N(0, 0.01²)", run.steps, curves[0], "bad" if activation == "relu" else "orange")
        marks += spread(f"{activation}, {how.title()}", run.steps, curves[1], tone)
    figure = Panel("Training loss", marks, y=Axis("training loss", low=0))
    return Measured(
        values, figure,
        "From weights too small hardly any gradient reaches the layers, so for a while only the output's biases learn; meanwhile the weights grow "
        "by a constant factor each step, unseen, until they are large enough, and then the loss falls as if training had only begun.",
    )  # fmt: skip
