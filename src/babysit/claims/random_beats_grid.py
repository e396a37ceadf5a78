"""Random points against a grid, with as many trials."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Line, Panel
from ._claim import claim
from ._landscape import LR, grid, log_uniform, trained
from ._lecture import BERGSTRA_2012, SEARCH
from ._networks import by_seed, many
from ._statistics import best_of
from ._verdict import GAIN, Criterion, Measured

WEAK = (1e-7, 1e-4)
SIDE = 4


@claim(
    SEARCH, paper=BERGSTRA_2012, order=4,
    criteria={
        "one field matters": Criterion("best score of 16 trials, random - grid: rate and a weak decay", low=GAIN, points=True),
        "one of four matters": Criterion("the same on a made surface of four fields, 81 trials", low=GAIN, points=True),
        "both matter equally": Criterion("the same on a made surface of two fields, 16 trials", low=GAIN, points=True),
    },
)  # fmt: skip
def random_beats_grid(data, *, seeds, quick):
    """Random search beats grid search.

    Sixteen trials over the rate from 1e-5 to 10 and a decay from 1e-7 to 1e-4 that hardly acts: a grid of 4 x 4 (one
    place in each of equal cells, in all cells the same, drawn at random, so that no luck of this range is judged) against 16 random
    points (their expected best, from twice as many), two layers of 32 on standardized rows, eight searches a seed. And on made surfaces, a smooth hill at a random place, 200 a seed: four fields of which one matters, with 81 trials; two that
    matter equally, with 16.

    Criterion: the best score of random trials is more than 0.5 points above the grid's, in each of the three.
    """
    rows = data.rows()
    steps = 80 if quick else 200
    own, trials = many(seeds, 1 if quick else data.often(8)), SIDE * SIDE
    lr, decay = [], []
    for seed in own:
        draw = np.random.default_rng([seed, 42])
        rates, weak = (grid(ends, SIDE, draw.random()) for ends in (LR, WEAK))
        lr += [np.repeat(rates, SIDE), log_uniform(draw, LR, 2 * trials)]
        decay += [np.tile(weak, SIDE), log_uniform(draw, WEAK, 2 * trials)]
    rate = np.concatenate(lr)
    found = trained(rows, rate, np.concatenate(decay), np.repeat(own, 3 * trials).tolist(), steps)
    rate, val = rate.reshape(len(own), -1), found.val.reshape(len(own), -1)
    real = by_seed([best_of(one[trials:], trials) - one[:trials].max() for one in val], seeds)
    cells, points = ((rate[0, cut], val[0, cut]) for cut in (slice(trials), slice(trials, 2 * trials)))
    order = np.argsort(np.concatenate([cells[0], points[0]]))
    x, y = np.concatenate([cells[0], points[0]])[order], np.concatenate([cells[1], points[1]])[order]
    marks = [
        Line("all", x, y, "dim", "faint", label=False), Line("random", points[0], points[1], "blue", "dots", label=False), Line("grid", cells[0], cells[1], "bad", "dots", label=False),
    ]  # fmt: skip
    figure = Panel(
        "Sixteen trials each: a grid (red) sees four rates, random draws (blue) sixteen", marks, x=Axis("learning rate", log=True),
        y=Axis("validation accuracy", share=True, low=0, high=1.02),
    )  # fmt: skip
    return Measured(
        {
            "one field matters": real,
            "one of four matters": [_made(seed, 4, 1, 3) for seed in seeds],
            "both matter equally": [_made(seed, 2, 2, 4) for seed in seeds],
        },
        figure,
        "A grid of 16 tries four values of the field that matters, each four times over; 16 random points try sixteen. Where all fields "
        "matter alike nothing is wasted by the grid, and being evenly spread it then leaves smaller holes than chance does.",
    )  # fmt: skip


def _made(seed, fields, matter, side, surfaces=200):
    """Mean of (best of random - best of grid) over hills at random places."""
    draw = np.random.default_rng([seed, 43])
    axes = np.meshgrid(*[(np.arange(side) + 0.5) / side] * fields)
    cells = np.stack([one.ravel() for one in axes], 1)[:, :matter]
    gains = []
    for _ in range(surfaces):
        top = draw.random(matter)
        points = draw.random((side**fields, matter))
        hill = lambda at: np.exp(-np.square((at - top) / 0.15).sum(1) / 2).max()  # noqa: B023, E731
        gains.append(hill(points) - hill(cells))
    return float(np.mean(gains))
