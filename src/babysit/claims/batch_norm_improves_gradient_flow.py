"""Gradients through depth, with batch norm and without."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Panel
from ._claim import claim
from ._lecture import IOFFE_2015, NORMALIZATION
from ._networks import mlps, rms, signal
from ._panels import spread
from ._verdict import FACTOR, Criterion, Measured

DEPTH = 10
EVENER = "unevenness of gradients through 10 layers (largest / smallest rms), plain / batch norm"


@claim(
    NORMALIZATION, paper=IOFFE_2015, order=1,
    criteria={
        name: Criterion(EVENER, low=FACTOR, ratio=True)
        for name in ("relu, N(0, 0.01²)", "relu, Xavier", "tanh, Xavier", "relu, He")
    },
)  # fmt: skip
def batch_norm_improves_gradient_flow(data, *, seeds, quick):
    """Batch norm improves gradient flow.

    Ten layers of 64 on standardized rows, before training; the rms of the gradient on what goes into each activation.
    Unevenness is the largest of the ten divided by the smallest.

    Criterion: without batch norm it is more than 1.1 times that with batch norm, for ReLU with weights N(0, 0.01²), Xavier's
    and He's, and for tanh with Xavier's.
    """
    rows = data.rows().first(256 if quick else 1000)
    arms = {
        "relu, N(0, 0.01²)": ("relu", "small"), "relu, Xavier": ("relu", "xavier"), "tanh, Xavier": ("tanh", "xavier"), "relu, He": ("relu", "he"),
    }  # fmt: skip
    values, marks = {}, []
    tones = {"relu, N(0, 0.01²)": "bad", "relu, He": "blue"}
    for name, (activation, how) in arms.items():
        found = {}
        for norm in ("none", "batch"):
            nets = mlps(rows, seeds, how=how, activation=activation, width=64, depth=DEPTH, norm=norm)
            found[norm] = np.array([[rms(one) for one in signal(net.train(), rows.x, rows.y)[1]] for net in nets])
            if name in tones:
                label = f"{name.removeprefix('relu, ')}{', BN' if norm == 'batch' else ''}"
                marks += spread(
                    label, range(1, DEPTH + 1), found[norm], tones[name], style="dash" if norm == "batch" else "line"
                )[1:]
        values[name] = _uneven(found["none"]) / _uneven(found["batch"])
    figure = Panel(
        "Gradient on what goes into each ReLU",
        marks,
        x=Axis("layer, 1 is nearest to the input"),
        y=Axis("gradient, rms", log=True),
        note="Dotted: with batch norm.",
    )
    return Measured(
        values, figure,
        "Batch norm divides by the spread that it finds, so what comes out has std 1 whatever the weights' size, and the gradient on the "
        "way back is divided by the same. That rescues an init that is off by any factor. Where the init is right "
        "already nothing is left to rescue, and batch norm's own noise makes gradients grow towards the input.",
    )  # fmt: skip


def _uneven(rows):
    return rows.max(1) / rows.min(1)
