"""The same inputs with their mean, and without."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._lecture import LECUN_1998, PREPROCESSING
from ._networks import by_seed, fleet, many, mlps
from ._panels import smooth, spread
from ._statistics import first_below
from ._verdict import FACTOR, Criterion, Measured

RATES = (0.003, 0.01, 0.03, 0.1)
LOSS = 0.2
SOONER = "steps to a training loss of 0.2, as it is / centred"


@claim(
    PREPROCESSING,
    paper=LECUN_1998,
    order=2,
    heavy=True,
    criteria={name: Criterion(SOONER, low=FACTOR, ratio=True) for name in ("tanh", "relu")},
)
def centring_helps(data, *, seeds, quick):
    """Zero-centring the data helps.

    Rows divided by one number (the whole set's rms), with their means and without, so that nothing but the mean differs. Two
    layers of 50, SGD with momentum, each arm at the rate of 0.003 to 0.1 that brings two other seeds soonest to a training
    loss of 0.2; then the steps to there are counted, six networks a seed. Who never gets there counts as the whole training.

    Criterion: as it is takes more than 1.1 times the steps that the centred takes, for tanh and for ReLU.
    """
    arms = {"as it is": data.rows("unit"), "centred": _centred(data)}
    steps = 250 if quick else 800
    rates = RATES[1:3] if quick else RATES
    values, marks, own = {}, [], many(seeds, data.often(2 if quick else 6))
    for name, how in (("tanh", "xavier"), ("relu", "he")):
        needed = {}
        for arm, rows in arms.items():
            pilots = [seed + 1000 for seed in seeds[:2]]
            groups = [mlps(rows, pilots, how=how, activation=name, width=50) for _ in rates]
            trial = fleet(groups, pilots, lr=np.repeat(rates, 2)).train(rows.x, rows.y, steps, every=10)
            best = int(np.argmin(_needed(trial).reshape(-1, 2).mean(1)))
            nets = mlps(rows, own, how=how, activation=name, width=50)
            run = fleet([nets], own, lr=rates[best]).train(rows.x, rows.y, steps, every=10)
            needed[arm] = np.exp(by_seed(np.log(_needed(run)), seeds))
            if name == "tanh":
                marks += spread(
                    arm, run.steps, by_seed(smooth(run.loss, 5), seeds).T, "bad" if arm == "as it is" else "blue"
                )
        values[name] = needed["as it is"] / needed["centred"]
    figure = Panel(
        "Training loss, tanh, each at its best rate",
        marks,
        y=Axis("training loss", log=True),
        limits=[Limit(LOSS, "0.2", tone="note")],
    )
    return Measured(
        values, figure,
        "A mean far from zero is one direction in which all inputs agree, and the loss is steepest there: the rate must be "
        "small enough for it, which is slow in all others. The first layer's biases can take the mean up, but have "
        "to be learned together with all else.",
    )  # fmt: skip


def _centred(data):
    rows = data.rows("unit")
    mean = rows.x.mean(0)
    return rows.map(lambda x: x - mean)


def _needed(run):
    loss = smooth(run.loss, 5)
    return np.array([min(first_below(loss[:, lane], run.steps, LOSS), run.steps[-1]) for lane in range(loss.shape[1])])
