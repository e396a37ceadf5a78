"""The user's own backward passes are right."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import advice
from . import Outcome, Train, check, look, sick
from ._words import failed, listed, passed, unknown


@check(cost=1)
def own_gradients_right(recipe: Recipe, train: Train, *, limit: float = 1e-2) -> Outcome:
    """Do the autograd functions that you wrote give the derivative of their forward pass?

    Why it matters: a backward pass written by hand is the one place where a derivative can be wrong. Training with a
    wrong one often still works, only worse.

    Measured in float64 by centred differences along random directions. Where two step sizes disagree a kink (of a
    ReLU, of abs) lies between, and another direction is taken. A forward pass that is piecewise constant or the
    identity has a backward pass that is meant to be something else (straight-through, gradient reversal): it is not
    judged.

    Args:
        limit: the largest relative error (1e-2 is certainly wrong; below 1e-7 is exact).

    Examples:
        >>> from babysit.testing import hand_written
        >>> one = {"own": [{"name": "Square", "why": ""}]}
        >>> own_gradients_right(Recipe(), hand_written(own_gradients=one | {("gradient.error", "Square"): 1e-9})).passed
        True
        >>> own_gradients_right(Recipe(), hand_written(own_gradients=one | {("gradient.error", "Square"): 0.5})).findings[0].id
        'own-gradient-wrong'

    Source:
        CS231n, Neural Networks 3, gradient checks.
    """
    run = look(train, "own_gradients")
    told = run.fact("own") or []
    expected = f"a relative error below {limit:g}"
    if not told:
        return passed(expected, "no autograd function of your own runs")
    wrong = [(where, series.last) for where, series in run.each("gradient.error") if not series.last <= limit]
    if wrong:
        name, error = wrong[0]
        found = [sick("own-gradient-wrong", f"The backward pass of {where} is wrong: relative error {value:.2g}.", where=where,
                      evidence=(Evidence("gradient.error", where, 0, value, "below 1e-7", limit),),
                      remedies=(advice("Compare it with torch.autograd.gradcheck in float64"),)) for where, value in wrong]  # fmt: skip
        return failed(
            expected, f"{error:.2g} in {name}", f"mend {listed([where for where, _ in wrong])}.backward", *found
        )
    if not run.has("gradient.error"):
        return unknown(expected, "", f"{told[0]['name']}: {told[0]['why']}")
    worst = max(series.last for _, series in run.each("gradient.error"))
    return passed(expected, f"{worst:.1e} at most, in {len(run.places('gradient.error'))} of your own")
