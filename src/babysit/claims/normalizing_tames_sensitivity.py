"""How much the loss minds a small change of the weights, raw and normalized."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._fleet import Fleet, generator
from ._lecture import LECUN_1998, PREPROCESSING
from ._panels import spread
from ._verdict import FACTOR, Criterion, Measured

CHANGES = (0.01, 0.02, 0.05, 0.1, 0.2)
LOSS = 0.3


@claim(
    PREPROCESSING,
    paper=LECUN_1998,
    order=3,
    criteria={"": Criterion("change of the loss when weights change by 5 %, raw / normalized", low=FACTOR, ratio=True)},
)
def normalizing_tames_sensitivity(data, *, seeds, quick):
    """Normalizing the data makes the loss less sensitive to small changes of the weights.

    The lecture's picture: a linear classifier. It is trained to a loss of 0.3 on the rows as they are (divided by one number, the
    whole set's rms) and on normalized rows; then its weights (not its biases) are changed at random by 1 to 20 % of their norm,
    30 times, and the mean change of the training loss is taken, up or down.

    Criterion: at 5 % the loss changes more than 1.1 times as much on raw rows as on normalized ones.
    """
    rises = {}
    for name, how, lr in (("raw", "unit", 0.05), ("normalized", "each", 0.02)):
        rows = data.rows(how)
        nets = [torch.nn.Linear(rows.shape[0], rows.classes) for _ in seeds]
        for net, seed in zip(nets, seeds):
            torch.nn.init.normal_(net.weight, 0, 0.01, generator=generator(seed))
            torch.nn.init.zeros_(net.bias)
        ships = Fleet(nets, seeds=seeds, lr=lr)
        for _ in range(60 if quick else 200):
            if (ships.loss(rows.x, rows.y) <= LOSS).all():
                break
            ships.lr = torch.where(torch.from_numpy(ships.loss(rows.x, rows.y) <= LOSS), 0.0, lr).float()
            ships.train(rows.x, rows.y, 20, every=20)
        rises[name] = np.array([_rises(ships, lane, rows, seed, 8 if quick else 30) for lane, seed in enumerate(seeds)])
    marks = [*spread("raw", CHANGES, rises["raw"], "bad"), *spread("normalized", CHANGES, rises["normalized"], "blue")]
    figure = Panel(
        "Change of the loss when the weights change a little", marks, x=Axis("change of the weights, share of their norm", log=True, share=True),
        y=Axis("change of the loss", log=True), limits=[Limit(0.05, "judged here", "x", "note")],
    )  # fmt: skip
    at = CHANGES.index(0.05)
    return Measured(
        {"": rises["raw"][:, at] / rises["normalized"][:, at]}, figure,
        "Far from the origin a small turn of a plane moves it a long way where the data are, so the same relative change of the "
        "weights costs more. Centred data lie around the point that the plane turns about.",
    )  # fmt: skip


@torch.no_grad()
def _rises(ships, lane, rows, seed, draws):
    net = ships.network(lane)
    random = generator(seed + 77)
    start = float(F.cross_entropy(net(rows.x), rows.y))
    found = []
    for change in CHANGES:
        total = 0.0
        for _ in range(draws):
            step = torch.randn(net.weight.shape, generator=random)
            moved = net.weight + change * step * (net.weight.norm() / step.norm())
            total += abs(float(F.cross_entropy(F.linear(rows.x, moved, net.bias), rows.y)) - start)
        found.append(total / draws)
    return found
