"""The units of a layer are not copies of one another."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import INIT_HE, INIT_XAVIER
from . import Outcome, Train, check, look, sick
from ._words import failed, listed, passed, percent, unknown


@check(cost=1)
def units_differ(recipe: Recipe, train: Train, *, limit: float = 0.5) -> Outcome:
    """Do the units of each layer differ after a few steps?

    Why it matters: units with equal weights give equal outputs and get equal gradients, so they stay equal for ever:
    a layer of a hundred does the work of one. A layer that starts at zero on purpose (the last, or the end of a
    residual branch) parts within a step, since what lies behind it differs.

    Args:
        limit: share of pairs of units that may be copies.

    Examples:
        >>> from babysit.testing import hand_written
        >>> def net(hidden):
        ...     return hand_written(layers={("weight.clones", "0.weight"): hidden, ("weight.clones", "2.weight"): 0.0})
        >>> units_differ(Recipe(), net(0.0)).passed
        True
        >>> units_differ(Recipe(), net(1.0)).findings[0].id
        'symmetric-units'

    Source:
        CS231n, Neural Networks 2, "pitfall: all zero initialization"; exact by symmetry of the gradient.
    """
    run = look(train, "layers")
    expected = "no copies"
    known = dict(run.each("weight.clones"))
    matrices = list(run.fact("matrices") or known)
    if len(matrices) < 2:
        return unknown(expected, "", "there is no hidden layer")
    hidden = [(where, known[where]) for where in matrices[:-1] if where in known]  # the last one may start at zero
    if not hidden:
        return unknown(expected, "", "no hidden layer has as many as four units")
    copies = [where for where, series in hidden if series.last > limit and series.first > limit]
    worst = max(series.last for _, series in hidden)
    measured = f"at most {percent(worst)} of the pairs are copies"
    if not copies:
        return passed(expected, measured)
    found = sick("symmetric-units", f"The units of {listed(copies)} are copies of one another ({percent(worst)} of the pairs) and stay so.",
                 where=copies[0], evidence=(Evidence("weight.clones", copies[0], 3, worst, "0", limit),), remedies=(INIT_HE, INIT_XAVIER))  # fmt: skip
    return failed(expected, f"{percent(worst)} of the pairs in {listed(copies)}", "start the weights at random", found)
