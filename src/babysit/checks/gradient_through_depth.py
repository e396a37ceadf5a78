"""The gradient reaches the first layer at the start."""

from __future__ import annotations

import numpy as np

from ..record import Evidence, Recipe, Run
from ..record.remedies import BATCH_NORM, INIT_HE, RELU_FOR_SIGMOID
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown


@check(cost=1)
def gradient_through_depth(recipe: Recipe, train: Train, *, fades: float = 1e-4, grows: float = 1e4) -> Outcome:
    """Is the gradient of the first layers of the size of the others'?

    Why it matters: a layer whose gradient is ten thousand times smaller than the others' does not learn at any rate
    that they bear. Sigmoid layers do this (a factor of at most 1/4 each), as do weights that are too small.

    Args:
        fades, grows: the smallest and largest ratio of the first three matrices' gradients to the last three's.

    Examples:
        >>> from babysit.testing import hand_written
        >>> def net(*sizes):
        ...     return hand_written(layers={("gradient.rms", f"layer{i}"): size for i, size in enumerate(sizes)})
        >>> gradient_through_depth(Recipe(), net(0.01, 0.02, 0.03, 0.04)).passed
        True
        >>> gradient_through_depth(Recipe(), net(1e-9, 1e-8, 1e-6, 1e-5, 1e-3, 1e-2)).findings[0].id
        'vanishing-gradients'

    Source:
        CS231n, Training Neural Networks I, activation functions; Hochreiter 1991; Bengio et al. 1994.
    """
    run = look(train, "layers")
    expected = f"a ratio of {fades:g} to {grows:g} of the first layers to the last"
    sizes = _sizes(run)
    if len(sizes) < 4:
        return unknown(expected, "", "there are fewer than four layers with weights")
    names = list(sizes)
    count = min(3, len(names) // 2)
    first, last = (float(np.median([sizes[name] for name in part])) for part in (names[:count], names[-count:]))
    measured = f"{number(first)} in the first layers, {number(last)} in the last"
    if not last > 0:
        return unknown(expected, measured, "the last layers get no gradient at all")
    ratio = first / last
    if fades <= ratio <= grows:
        return passed(expected, measured)
    id = "vanishing-gradients" if ratio < fades else "exploding-gradients"
    found = sick(id, f"The gradient's size is {measured}: it {'fades' if ratio < fades else 'grows'} on its way back.",
                 severity="error" if ratio < fades / 100 or ratio > grows * 100 else "warning", where=names[0],
                 evidence=(Evidence("gradient.rms", names[0], 0, first, f"about {number(last)}"),), remedies=(RELU_FOR_SIGMOID, INIT_HE, BATCH_NORM))  # fmt: skip
    return failed(expected, measured, "ReLU instead of sigmoid, another init, a norm or residual connections", found)


def _sizes(run: Run) -> dict[str, float]:
    """The largest gradient seen of each matrix: a layer that starts at zero lets none through until it has moved."""
    return {where: float(np.max(series.values)) for where, series in run.each("gradient.rms")}
