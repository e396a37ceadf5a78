"""A rate too high: the cost explodes."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._fleet import Fleet
from ._lecture import BABYSITTING, BENGIO_2012
from ._lecturer import networks, pixels
from ._panels import spread
from ._verdict import Criterion, Measured

RATES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1.0, 1e6)
WORST = "worst loss on the way / first, lr = {}"
MOST = 1e9


@claim(
    BABYSITTING, paper=BENGIO_2012, order=5,
    parts=True,
    criteria={
        "1e6": Criterion(WORST.format("1e6"), low=3.0, ratio=True), "3e-3": Criterion(WORST.format("3e-3"), low=3.0, ratio=True),
        "1e-4": Criterion(WORST.format("1e-4"), high=3.0, ratio=True),
    },
)  # fmt: skip
def high_rate_explodes(data, *, seeds, quick):
    """A rate too high makes the loss explode.

    The lecture's run: its two-layer network of 50 (weights N(0, 0.0001²)) on centred pixels, SGD with momentum 0.9 and batches of 32, 150
    steps at rates from 1e-5 to 1e6. What counts is the highest mean loss of ten steps, against the first; one that isn't finite
    counts as 1e9 times.

    Criterion: it explodes, to more than 3 times the first, at lr = 1e6 and at 3e-3 (where the lecture's does); at 1e-4 it stays below
    3 times.
    """
    rows = pixels(data, 400 if quick else 1000)
    lanes = [seed for _ in RATES for seed in seeds]
    ships = Fleet([net for _ in RATES for net in networks(rows, seeds)], seeds=lanes, lr=np.repeat(RATES, len(seeds)))
    run = ships.train(rows.x, rows.y, 50 if quick else 150, batch=32, every=10)
    with np.errstate(invalid="ignore"):
        worst = np.where(np.isfinite(run.loss), run.loss, np.inf).max(0) / run.loss[0]
    last = np.where(np.isfinite(worst), worst, MOST).clip(None, MOST).reshape(len(RATES), len(seeds))
    figure = Panel(
        "The worst loss on the way, against the first", spread("worst / first", RATES[:-1], last[:-1].T, "bad"), x=Axis("learning rate", log=True),
        y=Axis("worst loss / first loss", log=True), limits=[Limit(3.0, "exploded: 3 × the first")], note="Not finite is drawn as 1e9; lr = 1e6 is further right.",
    )  # fmt: skip
    return Measured(
        {name: last[RATES.index(float(name))] for name in ("1e6", "3e-3", "1e-4")}, figure,
        "Where a step is longer than twice the valley is wide it ends higher on the other side than it began, and the next one higher still. How high "
        "a rate that takes goes with the size of the inputs: these are pixels of up to 255, which is why 3e-3 can be too much.",
        beside="The lecture, CIFAR-10: lr = 1e6 gives a NaN at once, and 3e-3 still explodes.",
    )  # fmt: skip
