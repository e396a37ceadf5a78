"""Gradients are cleared between steps."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import ZERO_GRAD
from . import Outcome, Train, check, look, sick
from ._words import failed, passed, unknown


@check
def gradients_cleared(recipe: Recipe, train: Train) -> Outcome:
    """Does each step use the gradients of its own batch only?

    Why it matters: backward adds to what is there. Without zero_grad each step repeats all former ones, which acts like
    a momentum of one: the loss swings ever wider.

    Examples:
        >>> from babysit.testing import hand_written
        >>> gradients_cleared(Recipe(), hand_written(coverage={"calls.step": 20, ("calls.carried", "0"): 0})).passed
        True
        >>> gradients_cleared(Recipe(), hand_written(coverage={"calls.step": 20, ("calls.carried", "0"): 19})).findings[0].id
        'gradients-accumulate'

    Source:
        Exact: the gradients at the first backward pass after a step.
    """
    run = look(train, "coverage")
    steps = run.last("calls.step", default=0.0)
    expected = "no step on older gradients"
    if steps < 3:
        return unknown(expected, "", "too few steps were seen")
    carried = max((series.last for _, series in run.each("calls.carried")), default=0.0)
    measured = f"{carried:.0f} of {steps:.0f} steps"
    if carried < 2:
        return passed(expected, measured)
    found = sick("gradients-accumulate", f"{carried:.0f} of {steps:.0f} steps used gradients that were left from the step before.",
                 evidence=(Evidence("calls.carried", "0", int(steps), carried, "0"),), remedies=(ZERO_GRAD,))  # fmt: skip
    return failed(expected, measured, "call optimizer.zero_grad() before each backward pass", found)
