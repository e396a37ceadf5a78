"""Biases that start a little above zero, for ReLU."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._lecture import ACTIVATIONS, KRIZHEVSKY_2012
from ._networks import fleet, mlps
from ._panels import dots
from ._verdict import Criterion, Measured

BIASES = (0.0, 0.01, 0.1, 1.0)
GAIN = "validation accuracy, biases at {} - at 0"


@claim(
    ACTIVATIONS, paper=KRIZHEVSKY_2012, order=7,
    criteria={f"biases of {one:g}": Criterion(GAIN.format(one), low=0.0, points=True) for one in BIASES[1:3]},
)  # fmt: skip
def slightly_positive_biases_help_relu(data, *, seeds, quick):
    """Starting ReLU biases slightly above zero helps.

    People start them at 0.01, or at 0.1 (debated, says the lecture). Four ReLU layers of 32 on standardized rows, He's
    init, SGD with momentum at lr = 0.01; weights, order of examples and all else are the same in a pair, twice as many seeds.

    Criterion: validation accuracy is more than 0 points above that with biases at 0, for 0.01 and for 0.1.
    """
    rows = data.rows()
    steps = 100 if quick else 400
    many = [*seeds, *(seed + 500 for seed in seeds)]
    ships = fleet([mlps(rows, many, width=32, depth=4, bias=one) for one in BIASES], many, lr=0.01)
    ships.train(rows.x, rows.y, steps, every=steps)
    scores = ships.accuracy(rows.val_x, rows.val_y).reshape(len(BIASES), 2, len(seeds)).mean(1)
    gains = scores - scores[0]
    x = np.repeat(np.arange(len(BIASES)), len(seeds))
    figure = Panel(
        "Validation accuracy against the same network with biases at 0", [dots("seeds", x, gains.ravel(), "blue")],
        x=Axis("biases at the start", names=tuple(f"{one:g}" for one in BIASES), low=-0.5, high=len(BIASES) - 0.5),
        y=Axis("difference", share=True), limits=[Limit(0.0, "no difference", tone="note")],
    )  # fmt: skip
    return Measured(
        {"biases of 0.01": gains[1], "biases of 0.1": gains[2]}, figure,
        "A positive bias lets every ReLU fire for more examples at the start, so that more gradient gets through, which counts early in training; with He's weights and centred inputs half of the units fire "
        f"for each example anyway. Mean difference after {steps} steps: "
        f"{', '.join(f'{100 * gain.mean():+.2f} points at {one:g}' for one, gain in zip(BIASES[1:], gains[1:]))}.",
    )  # fmt: skip
