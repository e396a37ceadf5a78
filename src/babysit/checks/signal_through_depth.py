"""The input's differences reach the last layer at the start."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import BATCH_NORM, INIT_HE, INIT_XAVIER
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown


@check(cost=1)
def signal_through_depth(recipe: Recipe, train: Train, *, fades: float = 1e-3, grows: float = 1e3) -> Outcome:
    """Does the difference between two examples keep its size through the layers, before any training?

    Why it matters: with weights too small each layer shrinks the signal, and the last one sees the same thing for every
    input; with weights too large it grows, and tanh and sigmoid are pressed against their bounds. In both cases
    the gradient dies on the way back.

    Args:
        fades, grows: the smallest and largest ratio of the last hidden layer's signal to the first layer's.

    Examples:
        >>> from babysit.testing import hand_written
        >>> def net(*stds):
        ...     return hand_written(layers={("activation.std", f"layer{i}"): std for i, std in enumerate(stds)})
        >>> signal_through_depth(Recipe(), net(0.5, 0.4, 0.3, 0.2, 0.0)).passed
        True
        >>> signal_through_depth(Recipe(), net(0.5, 1e-3, 2e-6, 1e-8, 1e-9)).findings[0].id
        'init-scale'

    Source:
        CS231n, Training Neural Networks I, weight initialization; Glorot & Bengio 2010; He et al. 2015.
    """
    run = look(train, "layers")
    expected = f"a ratio of {fades:g} to {grows:g} from the first layer to the last"
    # a layer may start at zero on purpose: the last, or the end of a residual branch
    profile = [(where, series.first) for where, series in run.each("activation.std")][:-1]
    profile = [(where, value) for where, value in profile if value > 0]
    if len(profile) < 3:
        return unknown(expected, "", "there are fewer than three hidden layers with weights that differ from zero")
    (first, start), (last, end) = profile[0], profile[-1]
    ratio = end / start
    measured = f"{number(start)} at {first}, {number(end)} at {last}"
    if fades <= ratio <= grows:
        return passed(expected, measured)
    small = ratio < fades
    found = sick("init-scale", f"The signal goes from {measured}: the weights start too {'small' if small else 'large'}.",
                 severity="error" if ratio < fades / 100 or ratio > grows * 100 else "warning", where=last,
                 evidence=(Evidence("activation.std", last, 0, end, f"about {number(start)}"),), remedies=(INIT_HE, INIT_XAVIER, BATCH_NORM))  # fmt: skip
    return failed(
        expected, measured, f"the weights start too {'small' if small else 'large'}: He or Xavier, or a norm", found
    )
