"""No validation example was trained on."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import advice
from . import Outcome, Train, check, look, sick
from ._words import failed, passed, percent, unknown


@check
def validation_apart(recipe: Recipe, train: Train, *, limit: float = 0.02, limit_ids: float = 0.2) -> Outcome:
    """Are the validation examples others than the training examples?

    Why it matters: a score on examples that were trained on measures memory. Every choice made by it (epochs, learning
    rate, size) is then wrong.

    Args:
        limit: the largest share of validation examples that may also be training examples, beyond twice the
            share of equal examples that the data has anyway.
        limit_ids: the same where inputs are ids (short texts are equal by nature).

    Examples:
        >>> from babysit.testing import hand_written
        >>> apart = {"batch_val.overlap": 0.0, "batch_val.repeats": 0.0, "batch_val.batches_seen": 0.0}
        >>> validation_apart(Recipe(), hand_written(validation=apart)).passed
        True
        >>> validation_apart(Recipe(), hand_written(validation=apart | {"batch_val.overlap": 0.3})).findings[0].id
        'validation-leak'
        >>> validation_apart(Recipe(), hand_written(validation=apart | {"batch_val.overlap": 1.0, "batch_val.batches_seen": 1.0})).reason
        'all that was evaluated was trained on: is that the training score, or validation on the training set?'

    Source:
        Barz & Denzler 2020, Do we train on test data?; exact, by a hash of each example.
    """
    run = look(train, "validation")
    expected = "0 % trained on"
    place = next(iter(run.places("batch_val.overlap")), None)
    if place is None:
        return unknown(expected, "", "no validation was seen")
    share, natural, whole = (run.last(f"batch_val.{name}", place) for name in ("overlap", "repeats", "batches_seen"))
    measured = f"{percent(share)} trained on"
    if share <= (limit_ids if run.fact("ids") else limit) + 2 * natural:
        return passed(expected, measured)
    if whole >= 0.999:
        return unknown(
            expected,
            measured,
            "all that was evaluated was trained on: is that the training score, or validation on the training set?",
        )
    if whole > 0:
        return unknown(
            expected, measured, "some batches were trained on as a whole, as when the training score is printed too"
        )
    found = sick("validation-leak", f"{percent(share)} of the validation examples are training examples too.",
                 evidence=(Evidence("batch_val.overlap", place, 0, share, "0", limit),),
                 remedies=(advice("Split before anything is copied, and by group where examples belong together"),))  # fmt: skip
    return failed(expected, measured, "split before examples are copied, augmented or oversampled", found)
