"""No input feature is the answer."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import advice
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown


@check
def target_hidden(recipe: Recipe, train: Train, *, limit: float = 0.999, rest: float = 0.95) -> Outcome:
    """Is the answer absent from the input?

    Why it matters: a feature that says the target outright (the row's id in sorted data, a column made from the
    label, tomorrow's value) makes every score perfect and the network useless.

    Args:
        limit: the largest |correlation| of one feature with the target (for classes: the root of the share of its
            variance that lies between them).
        rest: it is a leak only where the next best feature stays below this.

    Examples:
        >>> from babysit.testing import hand_written
        >>> target_hidden(Recipe(), hand_written(targets={"target.told": 0.7, "target.told_next": 0.6})).passed
        True
        >>> target_hidden(Recipe(), hand_written(targets={"target.told": 1.0, "target.told_next": 0.6})).findings[0].id
        'target-in-input'

    Source:
        Kaufman et al. 2012, Leakage in data mining.
    """
    run = look(train, "targets")
    expected = f"no feature with correlation above {limit:g}"
    if not run.has("target.told"):
        return unknown(expected, "", "the input is no table with one target for each row")
    best, second = run.last("target.told"), run.last("target.told_next")
    measured = f"{number(best)}, the next {number(second)}"
    if best <= limit or second > rest:
        return passed(expected, measured)
    which = run.fact("told_by", "?")
    found = sick("target-in-input", f"Input feature {which} alone gives the target (correlation {best:.4f}, the next best {second:.2f}).",
                 evidence=(Evidence("target.told", "", 0, best, "below 0.999", limit),), remedies=(advice(f"Drop feature {which}, or say why it may be known"),))  # fmt: skip
    return failed(expected, measured, f"feature {which} gives the answer away", found)
