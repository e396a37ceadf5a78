"""Large random weights: every unit at the end of its range."""

from __future__ import annotations

import numpy as np

from ._claim import claim
from ._lecture import GLOROT_2010, INITIALIZATION
from ._towers import histograms, towers
from ._verdict import Criterion, Measured, short


@claim(
    INITIALIZATION,
    paper=GLOROT_2010,
    order=3,
    criteria={"": Criterion("saturated outputs, the least of ten layers", low=0.8, share=True)},
)
def large_init_saturates(data, *, seeds, quick):
    """Large random weights N(0, 1) saturate almost all units.

    The lecture's experiment: ten tanh layers of 500 units, unit gaussian input, the package's init "large". Saturated is an output
    whose derivative is below 5 % of its peak (|output| > 0.975).

    Criterion: in every one of the ten layers more than 80 % of the outputs are saturated.
    """
    found = towers("tanh", "large", seeds, quick=quick)
    figure = histograms("Each layer's outputs and gradients, weights N(0, 1)", found)
    grown = float(np.mean([one.gradient[0] / one.gradient[-1] for one in found]))
    return Measured(
        {"": [one.saturated.min() for one in found]}, figure,
        "A sum of 500 inputs with weights of std 1 has std 22, far beyond where tanh is flat, so outputs are -1 or 1. Little gradient "
        "gets through a saturated unit; what does is multiplied by weights that are large, so here the gradient isn't small at "
        f"layer 1 but {short(grown)} times what it is at layer 10: it comes from the few units that are not saturated, and is all noise.",
        beside=f"The lecture: almost all neurons completely saturated, std 0.98 in every layer. Here {np.mean([one.std for one in found]):.2f}.",
    )  # fmt: skip
