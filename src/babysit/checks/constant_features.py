"""Features that never change."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import advice
from . import Outcome, Train, check, look, sick
from ._words import failed, passed, percent, unknown


@check
def constant_features(recipe: Recipe, train: Train, *, limit: float = 0.9) -> Outcome:
    """Do the features differ between examples?

    Why it matters: a feature that is the same for all examples carries nothing. A few are normal (the corners of
    digits); nearly all mean that the data was read or scaled wrongly. Standardizing them by their own deviation
    divides by zero.

    Args:
        limit: share of constant features above which the check fails.

    Examples:
        >>> from babysit.testing import hand_written
        >>> constant_features(Recipe(), hand_written(inputs={"batch.constant_features": 0.06})).measured
        '6 % are constant'
        >>> constant_features(Recipe(), hand_written(inputs={"batch.constant_features": 1.0})).findings[0].id
        'input-squashed'

    Source:
        CS231n, Neural Networks 2, data preprocessing; TheDeepChecker (Ben Braiek & Khomh 2023).
    """
    run = look(train, "inputs")
    expected = f"less than {percent(limit)} constant"
    place = next(iter(run.places("batch.constant_features")), None)
    if place is None:
        return unknown(expected, "", "the inputs are no table of numbers, or fewer than 8 examples were seen")
    share = run.last("batch.constant_features", place)
    measured = f"{percent(share)} are constant"
    if share <= limit:
        return passed(expected, measured)
    found = sick("input-squashed", f"{percent(share)} of the input's features are the same for all examples.",
                 evidence=(Evidence("batch.constant_features", place, 0, share, "about 0", limit),),
                 remedies=(advice("Look at what the loader gives: x.std(0)"),))  # fmt: skip
    return failed(expected, measured, "look at what the loader gives: was it read, cast or scaled rightly?", found)
