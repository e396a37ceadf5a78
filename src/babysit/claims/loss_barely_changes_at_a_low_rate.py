"""A rate too low: the loss stands still, and accuracy rises all the same."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Line, Panel
from ._claim import claim
from ._fleet import Fleet
from ._lecture import BABYSITTING, BENGIO_2012
from ._lecturer import networks, pixels
from ._networks import by_seed, many
from ._panels import spread
from ._verdict import Criterion, Measured


@claim(
    BABYSITTING, paper=BENGIO_2012, order=4,
    parts=True,
    criteria={
        "the loss stands still": Criterion("loss lost in ten epochs / loss at the start", high=0.01, share=True),
        "accuracy rises": Criterion("training accuracy after ten epochs - at the start", low=0.05, points=True),
    },
)  # fmt: skip
def loss_barely_changes_at_a_low_rate(data, *, seeds, quick):
    """At a rate too low the loss barely changes, and accuracy rises all the same.

    The lecture's run: its two-layer network of 50 (weights N(0, 0.0001²)) on centred pixels, SGD at lr = 1e-6 with batches of 20 and
    momentum 0.9, regularization 1e-6, ten epochs; three networks a seed.

    Criterion: less than 1 % of the loss is lost in ten epochs; and training accuracy is more than 5 points higher at their end.
    """
    rows = pixels(data, 800 if quick else 2000)
    per = max(1, len(rows.y) // 20)
    own = many(seeds, data.often(1 if quick else 3))
    ships = Fleet(networks(rows, own), seeds=own, lr=1e-6, decay=1e-6)
    losses, scores = [ships.loss(rows.x, rows.y)], [ships.accuracy(rows.x, rows.y)]
    for _ in range(10):
        ships.train(rows.x, rows.y, per, batch=20, every=per)
        losses.append(ships.loss(rows.x, rows.y))
        scores.append(ships.accuracy(rows.x, rows.y))
    loss, score = by_seed(losses, seeds), by_seed(scores, seeds)
    at = np.arange(11)
    marks = [
        *spread("loss / first", at, (loss / loss[0]).T, "blue"),
        *spread("accuracy", at, score.T, "orange"),
        Line("chance", at, np.full(11, 1 / rows.classes), "dim", "dash"),
    ]
    figure = Panel("Ten epochs at lr = 1e-6", marks, x=Axis("epoch"), y=Axis("share", low=0, high=1.05, share=True))
    return Measured(
        {"the loss stands still": 1 - loss[-1] / loss[0], "accuracy rises": score[-1] - score[0]}, figure,
        "All scores are nearly equal, so the loss stays near ln K until they are far apart. Accuracy only asks which "
        "score is the largest, and a hair's breadth in the right direction decides that: a tiny step does.",
        beside=f"The lecture, CIFAR-10: loss 2.30 throughout, accuracy up to 20 % of a chance of 10 %. Here {loss[0].mean():.3f} to {loss[-1].mean():.3f}, {score[0].mean():.0%} to {score[-1].mean():.0%}.",
    )  # fmt: skip
