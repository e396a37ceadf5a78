"""Validation inputs are prepared as training inputs are."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import SAME_PREPROCESSING
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown


@check
def validation_prepared_alike(recipe: Recipe, train: Train, *, shift: float = 0.5, scale: float = 2.0) -> Outcome:
    """Do validation inputs have the mean and the spread of the training inputs?

    Why it matters: a normalization that only one of them gets makes validation bad from the first epoch, which looks
    like overfitting and isn't.

    Args:
        shift: the largest distance of the means, in standard deviations, of the median feature (more where few
            examples were seen).
        scale: the largest ratio of the standard deviations, either way.

    Examples:
        >>> from babysit.testing import hand_written
        >>> alike = {"batch_val.shift": 0.04, "batch_val.scale": 1.0, "batch_val.noise": 0.05}
        >>> validation_prepared_alike(Recipe(), hand_written(validation=alike)).passed
        True
        >>> validation_prepared_alike(Recipe(), hand_written(validation=alike | {"batch_val.scale": 255.0})).findings[0].id
        'train-val-mismatch'

    Source:
        CS231n, Neural Networks 2, "common pitfall" of preprocessing.
    """
    run = look(train, "validation")
    expected = "the same mean and spread as in training"
    place = next(iter(run.places("batch_val.shift")), None)
    if place is None:
        return unknown(expected, "", "the inputs are no numbers with features")
    gap, ratio, noise = (run.last(f"batch_val.{name}", place) for name in ("shift", "scale", "noise"))
    measured = f"mean off by {number(gap)} standard deviations, spread x {number(ratio)}"
    if gap <= shift + 5 * noise and 1 / scale <= ratio <= scale:
        return passed(expected, measured)
    found = sick("train-val-mismatch", f"Validation inputs differ from training inputs: {measured}.",
                 evidence=(Evidence("batch_val.shift", place, 0, gap, "about 0", shift), Evidence("batch_val.scale", place, 0, ratio, "about 1", scale)),
                 remedies=(SAME_PREPROCESSING,))  # fmt: skip
    return failed(expected, measured, "prepare both by the same code and the training set's numbers", found)
