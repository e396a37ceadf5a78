"""Making the loss small makes the criterion small."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import POSITIVE
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown


@check
def loss_pulls_down(recipe: Recipe, train: Train) -> Outcome:
    """Has the loss the sign of its criterion, so that making it small makes the error small?

    Why it matters: a minus too many makes training seek the worst answer: the loss falls without end and the accuracy
    falls with it.

    Examples:
        >>> from babysit.testing import hand_written
        >>> one = {"criteria": [{"kind": "cross_entropy"}], "loss.criterion": 2.3}
        >>> loss_pulls_down(Recipe(), hand_written(criterion=one | {"loss.train": 2.31})).passed
        True
        >>> loss_pulls_down(Recipe(), hand_written(criterion=one | {"loss.train": -2.3})).findings[0].id
        'loss-wrong-sign'

    Source:
        Exact: these criteria are never below zero, so a loss made of one of them is not either.
    """
    run = look(train, "criterion")
    criteria = run.fact("criteria") or []
    if not run.has("loss.criterion") or criteria[0]["kind"] in ("kl_div", "poisson_nll_loss", "nll_loss"):
        return unknown("above zero", "", "the loss is not made of one criterion that has a bound")
    if run.fact("turns"):
        return unknown("above zero", "", "several optimizers take turns, one against the other perhaps")
    loss, inside = run.last("loss.train"), run.last("loss.criterion")
    measured = f"{number(loss)}, of a criterion of {number(inside)}"
    if not (inside > 0 and loss < 0 and abs(loss) >= 0.5 * inside):
        return passed("the criterion's sign", measured)
    found = sick("loss-wrong-sign", f"The loss is {number(loss)} where its criterion is {number(inside)}: a minus too many.",
                 evidence=(Evidence("loss.train", "", 0, loss, f"about {number(inside)}", 0.0),), remedies=(POSITIVE,))  # fmt: skip
    return failed("the criterion's sign", measured, "take the minus away", found)
