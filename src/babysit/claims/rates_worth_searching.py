"""Where good rates lie."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Band, Panel
from ._claim import claim
from ._fleet import Fleet
from ._lecture import BABYSITTING, SMITH_2017
from ._lecturer import networks, pixels
from ._networks import mlps
from ._panels import spread
from ._statistics import lowest
from ._verdict import Criterion, Measured

RATES = tuple(float(one) for one in 10 ** np.arange(-6, 1.01, 0.5))
BEST = Criterion("the best rate", low=1e-5, high=1e-3, ratio=True, times=False)


@claim(
    BABYSITTING,
    paper=SMITH_2017,
    order=6,
    heavy=True,
    criteria={"the lecture's net": BEST, "standardized, Adam": BEST, "standardized, SGD": BEST},
)
def rates_worth_searching(data, *, seeds, quick):
    """The rates worth searching lie from 1e-3 to 1e-5.

    Fifteen rates from 1e-6 to 10: the lecture's two-layer network of 50 on centred pixels, SGD with momentum; and two layers of 50 on
    standardized rows, He's init, with SGD and with Adam. The best is the one of the lowest validation loss after 200 steps,
    read off a parabola through the logarithms of the lowest loss and its neighbours'.

    Criterion: the best rate lies from 1e-5 to 1e-3, in all three settings.
    """
    lecture, rows = pixels(data, 400 if quick else 1000), data.rows()
    steps = 60 if quick else 200
    rates = RATES[::2] if quick else RATES
    values, marks = {}, []
    for name, tone in (
        ("the lecture's net", "orange"),
        ("standardized, Adam", "purple"),
        ("standardized, SGD", "blue"),
    ):
        own = lecture if name == "the lecture's net" else rows
        groups = [networks(own, seeds) if own is lecture else mlps(own, seeds, width=50) for _ in rates]
        lanes = [seed for _ in rates for seed in seeds]
        ships = Fleet(
            [net for group in groups for net in group],
            seeds=lanes,
            lr=np.repeat(rates, len(seeds)),
            optimizer="adam" if "Adam" in name else "sgd",
        )
        ships.train(own.x, own.y, steps, batch=32, every=steps)
        loss = np.nan_to_num(ships.loss(own.val_x, own.val_y), nan=1e9, posinf=1e9).reshape(len(rates), len(seeds))
        values[name] = [lowest(rates, one) for one in loss.T]
        marks += spread(name, rates, loss.clip(None, 3.0).T, tone)
    figure = Panel(
        "Validation loss by the rate", marks, x=Axis("learning rate", log=True), y=Axis("validation loss (up to 3)", low=0, high=3.1),
        bands=[Band(1e-5, 1e-3, "the lecture's range", "x")],
    )  # fmt: skip
    told = ", ".join(f"{name} {np.exp(np.log(one).mean()):.2g}" for name, one in values.items())
    return Measured(
        values, figure,
        "A rate is a step per unit of gradient, and gradients grow with the inputs: on pixels up to 255 the first layer's are a hundred times "
        "those on standardized rows. Adam divides that out, and has a scale of its own. So a range holds for its own preprocessing, optimizer and "
        f"length of training; best here: {told}.",
        beside="The lecture, CIFAR-10 in pixels: rough range for cross-validation somewhere from 1e-3 to 1e-5.",
    )  # fmt: skip
