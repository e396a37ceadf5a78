"""The loss before training is that of chance."""

from __future__ import annotations

import math

import numpy as np

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._fleet import Fleet
from ._lecture import BABYSITTING, BENGIO_2012
from ._lecturer import networks, pixels
from ._networks import mlps
from ._panels import dots
from ._verdict import Criterion, Measured

OFF = Criterion("loss at the start - ln K", low=-0.05, high=0.05)


@claim(
    BABYSITTING,
    paper=BENGIO_2012,
    order=1,
    criteria={"the lecture's net": OFF, "He's init": OFF, "PyTorch's init": OFF, "N(0, 1)": OFF},
)
def initial_loss_is_ln_k(data, *, seeds, quick):
    """The loss at the start is ln K, what guessing costs.

    Cross-entropy before training: the lecture's two-layer network of 50 (weights N(0, 0.0001²)) on centred pixels; and two layers of
    128 on standardized rows with this package's "he", with PyTorch's own init, and with weights N(0, 1).

    Criterion: it lies from -0.05 to 0.05 around ln K, for each of the four.
    """
    lecture, rows = pixels(data, 1000), data.rows()
    arms = {
        "the lecture's net": (networks(lecture, seeds), lecture), "He's init": (mlps(rows, seeds, how="he"), rows),
        "PyTorch's init": (mlps(rows, seeds, how="pytorch"), rows), "N(0, 1)": (mlps(rows, seeds, how="large"), rows),
    }  # fmt: skip
    losses = {name: Fleet(nets, seeds=seeds, lr=0.0).loss(one.x, one.y) for name, (nets, one) in arms.items()}
    x = np.repeat(np.arange(4), len(seeds))
    figure = Panel(
        "Loss before training", [dots("seeds", x, np.concatenate(list(losses.values())), "blue")], x=Axis(names=tuple(arms), low=-0.5, high=3.5),
        y=Axis("loss", log=True), limits=[Limit(math.log(rows.classes), f"ln {rows.classes} = {math.log(rows.classes):.3f}", tone="note")],
        note="Five seeds each; where they lie upon one another they are one dot." if len(seeds) == 5 else "",
    )  # fmt: skip
    return Measured(
        {name: one - math.log(arms[name][1].classes) for name, one in losses.items()}, figure,
        "Small outputs give every class the same probability 1 / K, and -ln(1 / K) = ln K. Outputs that are large before anything was "
        "learned are confident guesses, wrong mostly; the first steps go into unlearning them.",
        beside=f"The lecture: 2.30 for CIFAR-10, loss ~2.3. Here {losses[next(iter(losses))].mean():.4f} for {lecture.classes} classes of pixels {lecture.shape[0]} wide.",
    )  # fmt: skip
