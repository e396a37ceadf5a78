"""PReLU moves its slope away from where it starts."""

from __future__ import annotations

import numpy as np
import torch

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._lecture import ACTIVATIONS, HE_2015
from ._networks import fleet, mlps
from ._panels import spread
from ._verdict import Criterion, Measured


@claim(
    ACTIVATIONS,
    paper=HE_2015,
    order=9,
    criteria={"": Criterion("|slope - 0.25| after training, mean of the layers", low=0.02)},
)
def prelu_learns_its_slope(data, *, seeds, quick):
    """PReLU learns its slope.

    Three PReLU layers of 64 on standardized rows, slopes starting at 0.25, SGD with momentum at lr = 0.03, no decay.

    Criterion: the slopes end more than 0.02 away from 0.25, in the mean over the layers.
    """
    rows = data.rows()
    steps = 150 if quick else 600
    ships = fleet([mlps(rows, seeds, activation="prelu", width=64, depth=3)], seeds, lr=0.03)
    names = [name for name, one in ships.parameters.items() if one.dim() == 2 and one.shape[1] == 1]
    run = ships.train(
        rows.x,
        rows.y,
        steps,
        every=10,
        see=lambda one: torch.stack([one.parameters[name].detach()[:, 0].clone() for name in names]).numpy(),
    )
    slopes = np.stack(run.seen)  # (T, layers, seeds)
    at = np.linspace(0, steps, len(slopes))
    tones = ("blue", "green", "purple")
    marks = [
        mark
        for layer in range(len(names))
        for mark in spread(f"layer {layer + 1}", at, slopes[:, layer].T, tones[layer])
    ]
    figure = Panel(
        "The slopes below zero while training", marks, y=Axis("slope"), limits=[Limit(0.25, "the start", tone="note")]
    )
    ends = slopes[-1].mean(1)
    return Measured(
        {"": np.abs(slopes[-1] - 0.25).mean(0)}, figure,
        "The slope is one more weight, and the gradient on it is the sum of what all units let through below zero. "
        f"Here the layers end at {', '.join(f'{one:.2f}' for one in ends)}, first to last.",
    )  # fmt: skip
