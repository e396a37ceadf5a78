"""Regularization cranked up raises the loss at the start, by what can be computed."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._fleet import Fleet
from ._lecture import BABYSITTING, BENGIO_2012
from ._lecturer import STD, UNITS, networks, pixels
from ._panels import spread
from ._verdict import Criterion, Measured

STRENGTHS = (0.0, 1.0, 10.0, 100.0, 1e3, 1e4)


@claim(
    BABYSITTING, paper=BENGIO_2012, order=2,
    parts=True,
    criteria={
        "rises": Criterion("loss with regularization 1e3 - without", low=0.1),
        "by the right amount": Criterion("that rise / half of 1e3 times the weights' variance times their number", low=0.97, high=1.03, ratio=True),
    },
)  # fmt: skip
def regularization_raises_loss(data, *, seeds, quick):
    """Cranking up regularization raises the loss at the start.

    The lecture's check: its two-layer network of 50 with weights N(0, 0.0001²) on centred pixels, loss with L2 of strength 0 and 1e3 (half of
    it times the sum of squared weights).

    Criterion: with 1e3 the loss is more than 0.1 higher; and the rise is 0.97 to 1.03 times what the number of weights and their
    variance say.
    """
    rows = pixels(data, 1000)
    losses = []
    for strength in STRENGTHS:
        ships = Fleet(networks(rows, seeds), seeds=seeds, lr=0.0, decay=strength)
        losses.append(ships.loss(rows.x, rows.y) + ships.penalty().numpy())
    whole = np.array(losses)
    at = STRENGTHS.index(1e3)
    rise = whole[at] - whole[0]
    wanted = 0.5 * 1e3 * STD**2 * (rows.shape[0] * UNITS + UNITS * rows.classes)
    figure = Panel(
        "Loss at the start by the strength of regularization", spread("loss", STRENGTHS[1:], whole[1:].T, "blue"), x=Axis("regularization", log=True),
        y=Axis("loss", low=0), limits=[Limit(float(whole[0].mean()), "without", tone="note"), Limit(float(whole[0].mean() + wanted), "computed for 1e3", tone="good")],
    )  # fmt: skip
    return Measured(
        {"rises": rise, "by the right amount": rise / wanted}, figure,
        "The penalty is added to the loss, so turning it up must show at once, and by a number that can be computed without training. A loss that "
        "stays where it was says that the penalty isn't wired in.",
        beside=f"The lecture, CIFAR-10: 2.30, and 3.06 with 1e3. Here {whole[0].mean():.2f} and {whole[at].mean():.2f}.",
    )  # fmt: skip
