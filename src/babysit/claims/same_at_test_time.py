"""What it costs to forget the preprocessing when the network is used."""

from __future__ import annotations

import numpy as np
import torch

from ..views.panel import Axis
from ._claim import claim
from ._lecture import LECUN_1998, PREPROCESSING
from ._material import preprocess_layer
from ._networks import by_seed, fleet, many, mlps
from ._panels import arms
from ._verdict import Criterion, Measured

COST = "test accuracy lost when {} at test time"


@claim(
    PREPROCESSING, paper=LECUN_1998, order=6,
    criteria={
        "forgotten": Criterion(COST.format("preprocessing is forgotten"), low=0.1, points=True),
        "scaled to 0..1": Criterion(COST.format("inputs are scaled to 0..1 instead"), low=0.1, points=True),
        "one by one": Criterion(COST.format("each example is normalized by itself"), low=0.1, points=True),
    },
)  # fmt: skip
def same_at_test_time(data, *, seeds, quick):
    """What is done to the training data must be done to test data, with the same numbers.

    Two ReLU layers of 64, trained on standardized rows (SGD with momentum, lr = 0.02), four
    networks a seed; then the test rows go in standardized as in
    training; as they are; scaled to 0..1; and each normalized by its own mean and std.

    Criterion: more than 10 points of test accuracy are lost, for each of the three mistakes.
    """
    raw = data.rows("none")
    layer = preprocess_layer("standardize").fit(raw.x)
    rows = raw.map(lambda x: layer(x))
    steps = 150 if quick else 500
    own = many(seeds, data.often(2 if quick else 4))
    ships = fleet([mlps(rows, own, width=64)], own, lr=0.02)
    ships.train(rows.x, rows.y, steps, every=steps)
    low, high = raw.x.min(), raw.x.max()
    test = raw.test_x
    ways = {
        "as in training": layer(test), "forgotten": test, "scaled to 0..1": (test - low) / (high - low),
        "one by one": (test - test.mean(1, keepdim=True)) / test.std(1, keepdim=True).clamp_min(1e-6),
    }  # fmt: skip
    scores = {name: by_seed(ships.accuracy(torch.as_tensor(x), raw.test_y), seeds) for name, x in ways.items()}
    wrong = {name: "bad" for name in scores if name != "as in training"}
    figure = arms("Test accuracy of the same networks", scores, Axis("test accuracy", share=True, high=1.0), wrong)
    return Measured(
        {name: scores["as in training"] - scores[name] for name in ways if name != "as in training"}, figure,
        "The weights were learned for inputs of one place and scale; any other input is a new distribution to them. "
        f"Nothing warns of it: the network still gives classes, right {np.mean(scores['forgotten']):.0%} of the time without any "
        "preprocessing. So preprocessing belongs inside the model that is saved.",
    )  # fmt: skip
