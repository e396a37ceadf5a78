"""Small random weights: the signal dies on its way through."""

from __future__ import annotations

import numpy as np

from ._claim import claim
from ._lecture import GLOROT_2010, INITIALIZATION
from ._towers import histograms, towers
from ._verdict import Criterion, Measured, short


@claim(
    INITIALIZATION, paper=GLOROT_2010, order=2,
    criteria={
        "outputs": Criterion("std of the outputs, layer 10 / layer 1", high=0.01, ratio=True),
        "gradients": Criterion("rms of the gradients, layer 1 / layer 10", high=0.01, ratio=True),
    },
)  # fmt: skip
def small_init_collapses_deep_nets(data, *, seeds, quick):
    """Small random weights N(0, 0.01²) make all activations of a deep network zero.

    The lecture's experiment: ten tanh layers of 500 units, unit gaussian input, the package's init "small".

    Criterion: the std of layer 10's outputs is less than 0.01 times layer 1's; and going back, the gradient at layer 1 is less than
    0.01 times that at layer 10.
    """
    found = towers("tanh", "small", seeds, quick=quick)
    figure = histograms("Each layer's outputs and gradients, weights N(0, 0.01²)", found)
    factor = float(np.mean([(one.std[-1] / one.std[0]) ** (1 / 9) for one in found]))
    return Measured(
        {"outputs": [one.std[-1] / one.std[0] for one in found], "gradients": [one.gradient[0] / one.gradient[-1] for one in found]}, figure,
        f"Each layer multiplies the signal's spread by 0.01 √500 = 0.22 (measured: {factor:.2f}), so nothing is left after ten. "
        "Gradients on the weights are that spread times what comes back, which shrinks by the same factor: nothing learns.",
        beside=f"The lecture: std 0.213 at layer 1, 1e-6 and less from layer 9 on. Here {np.mean([one.std[0] for one in found]):.3f} and {short(float(np.mean([one.std[8] for one in found])))}.",
    )  # fmt: skip
