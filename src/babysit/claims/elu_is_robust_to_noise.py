"""Accuracy lost to noise in the inputs, by activation."""

from __future__ import annotations

import numpy as np
import torch

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._fleet import generator
from ._lecture import ACTIVATIONS, CLEVERT_2015
from ._networks import by_seed, fleet, many, mlps
from ._panels import spread
from ._verdict import GAIN, Criterion, Measured

LEVELS = (0.0, 0.5, 1.0, 1.5, 2.0)
LESS = "accuracy lost to noise of std 1, {} - ELU"


@claim(
    ACTIVATIONS, paper=CLEVERT_2015, order=11,
    criteria={
        "against leaky ReLU": Criterion(LESS.format("leaky ReLU"), low=GAIN, points=True),
        "against ReLU": Criterion(LESS.format("ReLU"), low=GAIN, points=True),
    },
)  # fmt: skip
def elu_is_robust_to_noise(data, *, seeds, quick):
    """ELU's flat side makes it robust to noise, more than leaky ReLU.

    Two layers of 64 on standardized rows (std 1 each), trained without noise (SGD with momentum, lr = 0.02), fourteen networks
    a seed; then gaussian
    noise is added to validation inputs, four draws of it, the same for all.

    Criterion: of noise with std 1 ELU loses less accuracy than leaky ReLU, and less than ReLU (difference more than 0.5
    points).
    """
    rows = data.rows()
    steps = 150 if quick else 500
    own, losses = many(seeds, data.often(2 if quick else 14)), {}
    draws = [torch.randn(rows.val_x.shape, generator=generator(900 + k)) for k in range(4)]
    for name in ("relu", "leaky_relu", "elu", "tanh"):
        ships = fleet([mlps(rows, own, activation=name, width=64)], own, lr=0.02)
        ships.train(rows.x, rows.y, steps, every=steps)
        scores = [
            np.mean([ships.accuracy(rows.val_x + level * one, rows.val_y) for one in draws], 0) for level in LEVELS
        ]
        losses[name] = by_seed(scores[0] - np.array(scores), seeds)
    tones = {"leaky_relu": "purple", "elu": "blue", "tanh": "dim"}
    marks = [
        mark
        for name in ("leaky_relu", "elu", "tanh")
        for mark in spread(name, LEVELS, 100 * (losses[name] - losses["relu"]).T, tones[name])
    ]
    figure = Panel(
        "Accuracy lost to noise in the inputs, beyond what a ReLU network loses",
        marks,
        x=Axis("std of the noise"),
        y=Axis("points lost beyond ReLU"),
        limits=[Limit(1.0, "judged here", "x", "note"), Limit(0.0, "ReLU", tone="note")],
    )
    at = LEVELS.index(1.0)
    return Measured(
        {"against leaky ReLU": losses["leaky_relu"][at] - losses["elu"][at], "against ReLU": losses["relu"][at] - losses["elu"][at]}, figure,
        "Far below zero an ELU is flat, so noise on a unit that is off changes nothing, where a leaky ReLU passes it on. But "
        "near zero, where most inputs lie, an ELU is steep on both sides and passes more noise than a ReLU: which of the two "
        "counts more is a matter of measurement.",
    )  # fmt: skip
