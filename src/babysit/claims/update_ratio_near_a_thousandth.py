"""How large a step is beside the weights, where the rate is good."""

from __future__ import annotations

import numpy as np
import torch

from ..views.panel import Axis, Band, Panel
from ._claim import claim
from ._lecture import BOTTOU_2012, MONITORING
from ._networks import by_seed, fleet, many, mlps
from ._panels import dots, spread
from ._verdict import Criterion, Measured

RATES = tuple(float(one) for one in 10 ** np.arange(-4, 1.01, 0.25))
NEAR = Criterion(
    "rms(update) / rms(weights) at the best rate, median over layers and the whole training",
    low=3e-4,
    high=3e-3,
    ratio=True,
    times=False,
)


@claim(MONITORING, paper=BOTTOU_2012, order=5, criteria={"SGD": NEAR, "SGD, momentum 0.9": NEAR, "Adam": NEAR})
def update_ratio_near_a_thousandth(data, *, seeds, quick):
    """At a good rate updates are about a thousandth of the weights.

    Two layers of 64 on standardized rows, He's init, rates from 1e-4 to 10; the ratio of rms(update) to rms(weights) is taken at twenty
    places of the training and its median over them and the layers kept. The best rate is the one of the lowest validation loss after all steps; four networks
    a seed, of whose ratios the geometric mean counts.

    Criterion: at the best rate the ratio lies from 3e-4 to 3e-3, for SGD, for SGD with momentum 0.9 and for Adam.
    """
    rows = data.rows()
    steps = 100 if quick else 300
    rates = RATES[::2] if quick else RATES
    values, marks, own = {}, [], many(seeds, data.often(1 if quick else 4))
    arms = {"SGD": ("sgd", 0.0, "blue"), "SGD, momentum 0.9": ("sgd", 0.9, "orange"), "Adam": ("adam", 0.9, "purple")}
    for name, (kind, momentum, tone) in arms.items():
        ships = fleet(
            [mlps(rows, own, width=64) for _ in rates],
            own,
            lr=np.repeat(rates, len(own)),
            momentum=momentum,
            optimizer=kind,
        )
        ratios = []
        for _ in range(20):
            ships.train(rows.x, rows.y, steps // 20 - 1, every=steps)
            before = ships.weights()
            ships.train(rows.x, rows.y, 1, every=steps)
            ratios.append([_ratio(before[one], after) for one, after in ships.weights().items()])
        ratio = np.median(np.array(ratios).reshape(-1, ships.lanes), 0).reshape(len(rates), -1)
        loss = np.nan_to_num(ships.loss(rows.val_x, rows.val_y), nan=1e9, posinf=1e9).reshape(len(rates), -1)
        best = loss.argmin(0)
        values[name] = np.exp(by_seed(np.log(ratio[best, np.arange(len(own))]), seeds))
        known = np.where((ratio > 0) & (ratio < 10), ratio, np.nan)
        marks += spread(name, rates, known.T, tone)
        at = 10 ** by_seed(np.log10(np.array(rates)[best]), seeds)
        marks.append(dots("best", at, values[name], tone))
    figure = Panel(
        "How large updates are, by the rate; dots: the best rate of each seed", marks, x=Axis("learning rate", log=True),
        y=Axis("update / weights (rms, median)", log=True, low=1e-6, high=0.3), bands=[Band(3e-4, 3e-3, "about 1e-3")], height=300,
    )  # fmt: skip
    told = ", ".join(f"{name} {np.exp(np.log(one).mean()):.1e}" for name, one in values.items())
    return Measured(
        values, figure,
        f"The ratio is a rate without units: how much of itself a weight changes in a step. At the best rates here: {told}. "
        "The fewer steps there are, the longer they must be, so a short training's best ratio is higher than a long one's (try --quick): "
        "a thousandth is an order of magnitude to look at and no law.",
    )  # fmt: skip


def _ratio(before, after):
    change = (after - before).flatten(1).square().mean(1).sqrt()
    return torch.nan_to_num(change / before.flatten(1).square().mean(1).sqrt(), nan=1e3, posinf=1e3).numpy()
