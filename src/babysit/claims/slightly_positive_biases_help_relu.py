"""Biases that start a little above zero, for ReLU."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._lecture import ACTIVATIONS, KRIZHEVSKY_2012
from ._networks import by_seed, fleet, many, mlps
from ._panels import spread
from ._verdict import GAIN, Criterion, Measured

BIASES = (0.0, 0.01, 0.1, 1.0)
BETTER = "validation accuracy {}, biases at {:g} - at 0"
LOOKS = 8
WHEN = {"early": 2, "at the end": LOOKS}


@claim(
    ACTIVATIONS, paper=KRIZHEVSKY_2012, order=7,
    criteria={
        f"{bias:g}, {when}": Criterion(BETTER.format(when, bias), low=GAIN, points=True) for when in WHEN for bias in BIASES[1:3]
    },
)  # fmt: skip
def slightly_positive_biases_help_relu(data, *, seeds, quick):
    """Starting ReLU biases slightly above zero helps.

    People start them at 0.01, or at 0.1 (debated, says the lecture). Four ReLU layers of 32 on standardized rows, He's
    init, 400 steps of SGD with momentum at lr = 0.01; weights, order of examples and all else are the same in a pair, eight
    pairs a seed.

    Criterion: validation accuracy is more than 0.5 points above that with biases at 0, for 0.01 and for 0.1, after a
    quarter of the steps and after all.
    """
    rows = data.rows()
    steps = 200 if quick else 400
    own = many(seeds, data.often(4 if quick else 8))
    ships = fleet([mlps(rows, own, width=32, depth=4, bias=one) for one in BIASES], own, lr=0.01)
    look = lambda one: one.accuracy(rows.val_x, rows.val_y)  # noqa: E731
    run = ships.train(rows.x, rows.y, steps, every=steps // LOOKS, see=look)
    scores = by_seed(np.reshape(run.seen, (LOOKS + 1, len(BIASES), -1)), seeds)
    gains = scores - scores[:, :1]
    at = np.arange(LOOKS + 1) * (steps // LOOKS)
    tones = ("blue", "green", "orange")
    marks = [
        mark
        for index, bias in enumerate(BIASES[1:], 1)
        for mark in spread(f"{bias:g}", at[1:], 100 * gains[1:, index].T, tones[index - 1])
    ]
    figure = Panel(
        "Validation accuracy against the same networks with biases at 0", marks, y=Axis("points gained"),
        limits=[Limit(100 * GAIN, "the bar: half a point"), Limit(float(at[WHEN["early"]]), "early", "x", "note")],
    )  # fmt: skip
    told = ", ".join(f"{100 * gain.mean():+.2f} points at {bias:g}" for bias, gain in zip(BIASES[1:], gains[-1, 1:]))
    return Measured(
        {f"{bias:g}, {when}": gains[look, BIASES.index(bias)] for when, look in WHEN.items() for bias in BIASES[1:3]}, figure,
        "A positive bias lets every ReLU fire for more examples at the start, so that more gradient gets through, which counts early in training; with He's "
        f"weights and centred inputs half of the units fire for each example anyway. After all {steps} steps: {told}.",
    )  # fmt: skip
