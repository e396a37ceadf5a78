"""Does it inflate the test score to take the statistics from all data?"""

from __future__ import annotations

import numpy as np
import torch

from ..nn import Standardize, Whiten
from ..views.panel import Axis, Limit
from ._claim import claim
from ._fleet import generator
from ._lecture import KAUFMAN_2012, PREPROCESSING
from ._material import Examples
from ._networks import by_seed, fleet, many, mlps
from ._panels import arms
from ._verdict import GAIN, Criterion, Measured

INFLATED = "test accuracy, statistics from all data - from train alone"


@claim(
    PREPROCESSING, paper=KAUFMAN_2012, order=7,
    criteria={
        "standardized, all examples": Criterion(INFLATED, low=GAIN, points=True),
        "whitened, 100 examples": Criterion(INFLATED, low=GAIN, points=True),
    },
)  # fmt: skip
def statistics_from_train_only(data, *, seeds, quick):
    """Statistics taken from all data, test included, make the test score look better than it is.

    Two ReLU layers of 64 (SGD with momentum, lr = 0.02), tested on rows that were preprocessed with statistics of train alone,
    or of train and test together: standardized with all training examples, and whitened with 100 of them, where the
    statistics are as much the test set's as train's. Each seed draws other examples,
    six times.

    Criterion: test accuracy with statistics from all data is more than 0.5 points above that from train alone, in both
    settings.
    """
    raw = data.rows("none")
    steps = 100 if quick else 400
    own = many(seeds, data.often(2 if quick else 6))
    values = {
        "standardized, all examples": by_seed(_inflation(raw, own, steps, Standardize, len(raw.y)), seeds),
        "whitened, 100 examples": by_seed(_inflation(raw, own, steps, lambda: Whiten(epsilon=1e-3), 100), seeds),
    }
    figure = arms(
        "Test accuracy gained by statistics from all data", {name: 100 * one for name, one in values.items()},
        Axis("points gained"), limits=[Limit(0.0, "nothing gained", "x", "note"), Limit(100 * GAIN, "the bar", "x")],
    )  # fmt: skip
    small = float(np.mean(values["whitened, 100 examples"]))
    return Measured(
        values, figure,
        "With many examples the means and spreads of train and of all data are almost the same numbers, so nothing much can leak "
        f"through them; with few examples and a whole covariance the test set's own directions come in ({100 * small:+.1f} points here). "
        "The rule stands whatever the size: a test that helped to make what it tests is none.",
    )  # fmt: skip


def _inflation(raw: Examples, seeds, steps, make, count):
    scores = {}
    for name in ("train", "all"):
        nets, xs, ys, tests = [], [], [], []
        for seed in seeds:
            chosen = torch.randperm(len(raw.y), generator=generator(seed))[:count]
            x, y = raw.x[chosen], raw.y[chosen]
            layer = make().fit(x if name == "train" else torch.cat([x, raw.val_x, raw.test_x]))
            xs.append(layer(x))
            ys.append(y)
            tests.append(layer(raw.test_x))
            nets += mlps(raw, [seed], width=64)
        ships = fleet([nets], seeds, lr=0.02)
        ships.train(torch.stack(xs), torch.stack(ys), steps, every=steps)
        with torch.no_grad():
            outputs = ships.forward(torch.stack(tests))
        scores[name] = (outputs.argmax(-1) == raw.test_y).double().mean(-1).numpy()
    return scores["all"] - scores["train"]
