"""Twenty examples can be learned by heart, whatever their labels."""

from __future__ import annotations

import numpy as np
import torch

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._fleet import Fleet, generator
from ._lecture import BABYSITTING, ZHANG_2017
from ._lecturer import networks, pixels
from ._panels import spread
from ._verdict import Criterion, Measured

COUNT = 20


@claim(
    BABYSITTING, paper=ZHANG_2017, order=3,
    parts=True,
    criteria={
        "true labels": Criterion("loss after 200 passes over 20 examples", high=0.01),
        "random labels": Criterion("the same with labels drawn at random", high=0.01),
    },
)  # fmt: skip
def tiny_subset_overfits(data, *, seeds, quick):
    """A tiny subset is overfit to a loss of about zero: a network that can't has a fault.

    The lecture's check: its two-layer network of 50 (weights N(0, 0.0001²)) on 20 examples of centred pixels, no regularization, plain SGD
    at lr = 1e-3 on all 20 at once, 200 passes; and the same with labels drawn at random. Each seed takes other examples.

    Criterion: the loss ends below 0.01 for the true labels, and for random ones.
    """
    rows = pixels(data, 2000)
    values, marks = {}, []
    for name in ("true labels", "random labels"):
        xs, ys = [], []
        for seed in seeds:
            chosen = torch.randperm(len(rows.y), generator=generator(seed))[:COUNT]
            xs.append(rows.x[chosen])
            ys.append(
                rows.y[chosen]
                if name == "true labels"
                else torch.randint(rows.classes, (COUNT,), generator=generator(seed + 9))
            )
        ships = Fleet(networks(rows, seeds), seeds=seeds, lr=1e-3, momentum=0.0)
        run = ships.train(torch.stack(xs), torch.stack(ys), 200, batch=COUNT, every=1)
        values[name] = np.nan_to_num(run.loss[-1], nan=np.inf)
        marks += spread(name, run.steps, np.maximum(run.loss, 1e-6).T, "blue" if name == "true labels" else "orange")
    figure = Panel(
        "Loss on twenty examples",
        marks,
        x=Axis("passes"),
        y=Axis("training loss", log=True),
        limits=[Limit(0.01, "the bar")],
    )
    return Measured(
        values, figure,
        "A network with thousands of weights can hold twenty examples by heart, so if it doesn't, something between loss, gradient and step "
        "is broken. That random labels are learned as well says what the check can't find: whether labels and examples "
        "belong together.",
        beside=f"The lecture: 20 examples of CIFAR-10 to a cost of 0.002 and accuracy 1.00. Here {np.mean(values['true labels']):.4f}.",
    )  # fmt: skip
