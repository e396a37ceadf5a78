"""Examples don't leak into one another."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import advice
from . import CannotJudge, Outcome, Train, check, look, sick
from ._words import failed, number, passed


@check
def examples_independent(recipe: Recipe, train: Train, *, limit: float = 1e-4) -> Outcome:
    """Does the output for one example stay the same when the others in the batch change?

    Why it matters: a view where a permute was meant, a softmax or a norm over the wrong axis, a batch and time axis
    swapped: they mix examples and raise no error. The network then learns to live with the mixture, and fails on
    single examples. (Batch norm does so on purpose while training; the check runs in evaluation mode.)

    Args:
        limit: the largest change of an output, relative to the outputs' spread.

    Examples:
        >>> from babysit.testing import hand_written
        >>> examples_independent(Recipe(), hand_written(dependency={"dependency": {"examples": 0.0}})).passed
        True
        >>> examples_independent(Recipe(), hand_written(dependency={"dependency": {"examples": 0.8}})).findings[0].id
        'examples-leak-into-each-other'

    Source:
        Karpathy 2019, "use backprop to chart dependencies"; TheDeepChecker.
    """
    change = (look(train, "dependency").fact("dependency") or {}).get("examples")
    if change is None:
        raise CannotJudge("the outputs can't be told apart by example")
    expected, measured = "no change", f"change of {number(change)} of the outputs' spread"
    if change <= limit:
        return passed(expected, measured)
    found = sick("examples-leak-into-each-other", f"The output of an example changes by {number(change)} of the outputs' spread when others in the batch change.",
                 evidence=(Evidence("fact:dependency", "", 0, change, "0", limit),),
                 remedies=(advice("Use permute where axes swap, view only where they split; normalize over features, not over the batch"),))  # fmt: skip
    return failed(
        expected, measured, "an axis is mixed up: permute instead of view or reshape, the right dim, batch_first", found
    )
