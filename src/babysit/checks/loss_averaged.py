"""The loss is a mean over the batch."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import MEAN
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown

_SCALE_FREE = (
    "adam",
    "adamw",
    "adamax",
    "nadam",
    "radam",
    "rmsprop",
    "adagrad",
    "adadelta",
    "adafactor",
    "rprop",
    "lion",
    "muon",
)


@check(cost=1)
def loss_averaged(recipe: Recipe, train: Train, *, tolerance: float = 0.1, rate: float = 0.3) -> Outcome:
    """Does the loss stay the same when each example of the batch is there twice?

    Why it matters: a sum over the batch makes the gradient as many times larger as there are examples. The learning rate
    then means something else with every batch size, and usual ones are far too large. (With Adam and its kin, whose
    steps don't follow the gradient's size, or with a learning rate made for it, a sum does no harm: it is said and
    passes.)

    Args:
        tolerance: how near to 2 the ratio counts as a sum.
        rate: the largest learning rate times batch size that counts as made for a sum.

    Examples:
        >>> from babysit.testing import hand_written
        >>> sgd = {"optimizers": [{"kind": "SGD"}]}
        >>> loss_averaged(Recipe(), hand_written(doubled={"loss.doubled": 1.0, **sgd})).passed
        True
        >>> loss_averaged(Recipe(), hand_written(doubled={"loss.doubled": 2.0, **sgd})).findings[0].id
        'loss-summed'

    Source:
        TheDeepChecker's test of the loss's reduction.
    """
    run = look(train, "doubled")
    ratio = run.last("loss.doubled")
    expected, measured = "x 1 (a mean)", f"x {number(ratio)}"
    if abs(ratio - 1) <= tolerance:
        return passed(expected, measured)
    if abs(ratio - 2) > tolerance:
        return unknown(
            expected, measured, "neither a mean nor a sum: the loss compares the examples of a batch, or is random"
        )
    kinds = [str(one.get("kind", "")).lower() for one in run.fact("optimizers") or ()]
    effective = run.last("lr", default=1.0) * run.last("batch.size", "0", 64.0)
    harmless = bool(kinds) and (all(kind in _SCALE_FREE for kind in kinds) or effective <= rate)
    found = sick("loss-summed", "The loss is a sum over the batch: the gradient grows with the batch's size.", severity="info" if harmless else "warning",
                 evidence=(Evidence("loss.doubled", "", 0, ratio, "1", 2.0),), remedies=(MEAN,))  # fmt: skip
    if harmless:
        return passed(expected, f"{measured}, a sum, which {kinds[0]} at this learning rate bears", found)
    return failed(expected, measured, "average it: reduction='mean'", found)
