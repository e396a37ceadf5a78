"""Drawing rates evenly in the exponent, or evenly."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Panel
from ._claim import claim
from ._landscape import LR, log_uniform, trained
from ._lecture import BERGSTRA_2012, SEARCH
from ._panels import spread
from ._statistics import best_of
from ._verdict import GAIN, Criterion, Measured

BETTER = "expected best validation accuracy of {} trials, logarithmic - linear"


@claim(
    SEARCH,
    paper=BERGSTRA_2012,
    order=2,
    criteria={f"{one} trials": Criterion(BETTER.format(one), low=GAIN, points=True) for one in (3, 10)},
)
def log_space_beats_linear(data, *, seeds, quick):
    """Rates are best searched in log space.

    Trials per seed with rates from 1e-5 to 10, drawn evenly in the exponent and evenly in value; two layers of 32 on standardized
    rows. From all of them the expected best of so many is computed exactly.

    Criterion: the expected best of 3 trials, and of 10, is more than 0.5 points of validation accuracy above with logarithmic draws.
    """
    rows = data.rows()
    count, steps = (20, 100) if quick else (48, 200)
    sizes = [1, 2, 3, 5, 7, 10, 15, 20]
    curves: dict[str, list[list[float]]] = {"logarithmic": [], "linear": []}
    for seed in seeds:
        draw = np.random.default_rng([seed, 40])
        for name, lr in (("logarithmic", log_uniform(draw, LR, count)), ("linear", draw.uniform(*LR, count))):
            found = trained(rows, lr, 0.0, [seed] * count, steps)
            curves[name].append([best_of(found.val, size) for size in sizes])
    log, linear = np.array(curves["logarithmic"]), np.array(curves["linear"])
    marks = [*spread("logarithmic", sizes, log, "blue"), *spread("linear", sizes, linear, "bad")]
    figure = Panel(
        "Expected best of so many trials", marks, x=Axis("trials", log=True), y=Axis("validation accuracy", share=True)
    )
    return Measured(
        {f"{one} trials": (log - linear)[:, sizes.index(one)] for one in (3, 10)}, figure,
        "A rate acts by its factor: from 1e-3 to 1e-2 is as far as from 1 to 10. Drawn evenly in value nine of ten rates lie in the highest "
        "decade, where training explodes; drawn evenly in the exponent each decade gets its share. With enough trials even "
        "the linear draw hits something good.",
    )  # fmt: skip
