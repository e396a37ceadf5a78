"""The shapes of loss curves: very high, high, good, low rate."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Panel
from ._claim import claim
from ._lecture import MONITORING, SMITH_2017
from ._networks import fleet, mlps
from ._panels import smooth, spread
from ._verdict import FACTOR, Criterion, Measured

RATES = tuple(float(one) for one in 10 ** np.arange(-3, 0.51, 0.25))
FACTORS = {"very high": 30.0, "high": 5.0, "good": 1.0, "low": 1 / 30}


@claim(
    MONITORING, paper=SMITH_2017, order=1,
    parts=True,
    criteria={
        "very high rises": Criterion("highest loss on the way / at the start, 30 times the good rate", low=FACTOR, ratio=True),
        "high falls sooner": Criterion("loss after 4 % of the steps, 5 times the good rate / good", high=0.9, ratio=True),
        "high ends worse": Criterion("loss at the end, 5 times the good rate / good", low=FACTOR, ratio=True),
        "low is slow": Criterion("loss at the end, 1/30 of the good rate / good", low=2.0, ratio=True),
    },
)  # fmt: skip
def loss_curve_shapes(data, *, seeds, quick):
    """The loss curve's shape tells the rate: very high rises, high falls fast and stays up, low falls slowly.

    Two layers of 50 on standardized rows, SGD with momentum. Good is the rate of 0.001 to 3 that ends lowest on two other
    seeds; the others are 30 times, 5 times and 1/30 of it, said beforehand.

    Criterion: the loss at 30 times rises on the way to more than 1.1 times what it began with; at 5 times it is less than 0.9 times the
    good rate's after 4 % of the steps, and more than 1.1 times at the end; at 1/30 it ends more than 2 times as high as the good one.
    """
    rows = data.rows()
    steps = 200 if quick else 500
    every = steps // 50
    pilots = [seed + 1000 for seed in seeds[:2]]
    rates = RATES[::2] if quick else RATES
    trial = fleet([mlps(rows, pilots, width=50) for _ in rates], pilots, lr=np.repeat(rates, 2))
    trial.train(rows.x, rows.y, steps, every=steps)
    ends = np.nan_to_num(trial.loss(rows.x, rows.y), nan=1e9, posinf=1e9).reshape(-1, 2)
    good = rates[int(np.exp(np.log(ends + 1e-12).mean(1)).argmin())]
    ships = fleet(
        [mlps(rows, seeds, width=50) for _ in FACTORS],
        seeds,
        lr=np.repeat([good * one for one in FACTORS.values()], len(seeds)),
    )
    run = ships.train(rows.x, rows.y, steps, every=every)
    last = np.nan_to_num(ships.loss(rows.x, rows.y), nan=1e9, posinf=1e9).clip(1e-9, 1e9).reshape(len(FACTORS), -1)
    loss = np.nan_to_num(run.loss, nan=1e9, posinf=1e9).clip(1e-9, 1e9)
    by = dict(zip(FACTORS, loss.reshape(len(run.loss), len(FACTORS), -1).transpose(1, 2, 0)))
    end = dict(zip(FACTORS, last))
    at = int(np.searchsorted(run.steps, steps * 0.04))
    tones = {"very high": "bad", "high": "orange", "good": "green", "low": "blue"}
    marks = [
        mark
        for name, one in by.items()
        for mark in spread(name, run.steps, smooth(one.T, 3).T.clip(1e-4, 30), tones[name])
    ]
    figure = Panel(
        "Training loss by the rate", marks, y=Axis("training loss", log=True, high=30), note=f"Good is lr = {good:.3g}."
    )
    return Measured(
        {
            "very high rises": by["very high"].max(1) / by["very high"][:, 0],
            "high falls sooner": by["high"][:, at] / by["good"][:, at],
            "high ends worse": end["high"] / end["good"],
            "low is slow": end["low"] / end["good"],
        },
        figure,
        "A long step goes far at first, and later jumps from side to side of the valley without getting down; a short one gets down surely and "
        "late; far too long a one leaves the valley. How soon the high rate falls depends on how near the good one is to the edge of what trains: "
        f"here 5 times that has {np.exp(np.log(by['high'][:, at] / by['good'][:, at]).mean()):.2g} times the good one's loss after 4 % of the steps.",
    )  # fmt: skip
