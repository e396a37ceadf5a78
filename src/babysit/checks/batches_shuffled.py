"""Batches mix the classes."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import SHUFFLE
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown


@check
def batches_shuffled(recipe: Recipe, train: Train, *, limit: float = 0.5) -> Outcome:
    """Does each batch hold a mixture of the classes?

    Why it matters: the gradient of a batch of one class points to "always say this class". Ordered data makes the
    network forget one class while it learns the next.

    Args:
        limit: the smallest share of H(y) that the labels' entropy inside the median batch may have.

    Examples:
        >>> from babysit.testing import hand_written
        >>> batches_shuffled(Recipe(), hand_written(targets={"target.entropy": 2.3, "target.batch_entropy": 2.1})).passed
        True
        >>> batches_shuffled(Recipe(), hand_written(targets={"target.entropy": 2.3, "target.batch_entropy": 0.1})).findings[0].id
        'batches-not-shuffled'

    Source:
        Bengio 2012, Practical recommendations, 3.1.1; LeCun et al. 1998, Efficient BackProp, 4.2.
    """
    run = look(train, "targets")
    if not run.has("target.batch_entropy") or not run.last("target.entropy") > 0.05:
        return unknown("as mixed as the whole", "", "no classes, one class, or too few batches were seen")
    whole, inside = run.last("target.entropy"), run.last("target.batch_entropy")
    expected, measured = f"entropy about {number(whole)} in a batch", number(inside)
    if inside >= limit * whole:
        return passed(expected, measured)
    found = sick("batches-not-shuffled", f"Labels inside a batch have entropy {number(inside)}, over all batches {number(whole)}: the data is ordered.",
                 evidence=(Evidence("target.batch_entropy", "", 0, inside, f"about {number(whole)}", limit * whole),), remedies=(SHUFFLE,))  # fmt: skip
    return failed(expected, measured, "the examples come ordered by class: shuffle them", found)
