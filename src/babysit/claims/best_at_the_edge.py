"""A best value at the edge of its range asks for a wider range."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Band, Line, Panel
from ._claim import claim
from ._landscape import log_uniform, trained
from ._lecture import BENGIO_2012, SEARCH
from ._verdict import GAIN, Criterion, Measured

NARROW, WIDE = (1e-5, 1e-3), (1e-5, 1.0)


@claim(
    SEARCH, paper=BENGIO_2012, order=5,
    parts=True,
    criteria={
        "it shows": Criterion("place of the best rate in a range that ends too low (0 its low end, 1 its high end)", low=0.9, share=True),
        "widening pays": Criterion("validation accuracy gained by as many trials in the wider range", low=GAIN, points=True),
    },
)  # fmt: skip
def best_at_the_edge(data, *, seeds, quick):
    """A best value at the edge of its range says that the range is wrong, and widening it pays.

    Random rates per seed from 1e-5 to 1e-3, a range that ends too low for two layers of 32 on standardized rows (SGD with momentum);
    then as many from 1e-5 to 1.

    Criterion: the best rate of the narrow range lies in its highest tenth (place more than 90 % of the way, in the exponent); and
    the best of the wider range is more than 0.5 points of validation accuracy higher.
    """
    rows = data.rows()
    count, steps = (12, 100) if quick else (32, 200)
    place, gain, shown = [], [], []
    for seed in seeds:
        draw = np.random.default_rng([seed, 44])
        lr = np.concatenate([log_uniform(draw, NARROW, count), log_uniform(draw, WIDE, count)])
        found = trained(rows, lr, 0.0, [seed] * len(lr), steps)
        score = found.val - 1e-6 * found.val_loss
        best = lr[:count][score[:count].argmax()]
        place.append(float(np.log10(best / NARROW[0]) / np.log10(NARROW[1] / NARROW[0])))
        gain.append(found.val[count:].max() - found.val[:count].max())
        shown = shown or [lr, found.val]
    lr, val = shown
    marks = [
        Line("narrow", lr[:count], val[:count], "bad", "dots", label=False),
        Line("wide", lr[count:], val[count:], "blue", "dots", label=False),
    ]
    figure = Panel(
        "One search: rates of the narrow range (red), then of the wide one", marks, x=Axis("learning rate", log=True), y=Axis("validation accuracy", share=True, low=0, high=1.02),
        bands=[Band(*NARROW, "the narrow range", "x", "note")],
    )  # fmt: skip
    return Measured(
        {"it shows": place, "widening pays": gain}, figure,
        "Where the score still rises at the end of a range, the best that was seen is the best of what was allowed and not of what there is. "
        f"Here widening brings {100 * np.mean(gain):.1f} points.",
    )  # fmt: skip
