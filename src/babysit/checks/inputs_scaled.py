"""Inputs are finite, centred and of size one."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import SKIP_NONFINITE, STANDARDIZE
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, percent, unknown


@check
def inputs_scaled(
    recipe: Recipe,
    train: Train,
    *,
    offset: float = 3.0,
    spread: float = 100.0,
    largest: float = 50.0,
    least: float = 0.02,
) -> Outcome:
    """Are the inputs finite, centred, and of about unit size?

    Why it matters: a layer's gradient is proportional to its input. Features of size 100, or all of one sign, make
    the loss steep in some directions and flat in others, and one learning rate fits only one of them; inputs that
    were scaled down twice leave almost nothing to learn from.

    Args:
        offset: the largest |mean| in standard deviations, of the median feature, that still counts as centred.
        spread: the largest ratio between the standard deviations of two features.
        largest: the largest standard deviation or offset (numbers of size one are meant).
        least: the smallest standard deviation of all values together.

    Examples:
        >>> from babysit.testing import hand_written
        >>> ok = {"batch.nonfinite": 0, "batch.mean": 0.0, "batch.std": 1.0, "batch.feature_offset_median": 0.1,
        ...       "batch.feature_spread": 3.0, "batch.feature_largest": 1.2, "batch.feature_mean": 0.1}
        >>> inputs_scaled(Recipe(), hand_written(inputs=ok)).passed
        True
        >>> inputs_scaled(Recipe(), hand_written(inputs=ok | {"batch.feature_largest": 250.0})).findings[0].id
        'input-not-normalized'

    Source:
        CS231n, Neural Networks 2, data preprocessing; LeCun et al. 1998, Efficient BackProp, 4.3.
    """
    run = look(train, "inputs")
    expected = "finite, mean about 0, standard deviation about 1"
    if not run.has("batch.std") and not run.has("batch.nonfinite"):
        return unknown(expected, "", "nothing was found that is an input")
    kinds = run.fact("inputs") or ["numbers"]
    places = [
        place
        for place in run.places("batch.nonfinite")
        if not place or kinds[min(int(place), len(kinds) - 1)] == "numbers"
    ]
    if not places:
        return unknown(expected, "ids", "the inputs are ids, which have no scale")
    for place in places:
        share = run.last("batch.nonfinite", place)
        if share > 0:
            text = f"{percent(share)} of the inputs' values are NaN or infinite"
            evidence = (Evidence("batch.nonfinite", place, 0, share, "0"),)
            found = sick("input-not-finite", f"{text}.", evidence=evidence, remedies=(SKIP_NONFINITE,))
            return failed(expected, text, "one such value makes the loss and every weight NaN", found)
    place = places[0]
    mean, std = run.last("batch.mean", place), run.last("batch.std", place)
    middle, ratio, size, away = (
        run.last(f"batch.{name}", place, 0.0)
        for name in ("feature_offset_median", "feature_spread", "feature_largest", "feature_mean")
    )
    measured = f"mean {number(mean)}, standard deviation {number(std)}"
    if 0 < std < least and away < 10 * least:
        found = sick("input-squashed", f"The inputs have standard deviation {number(std)} (expected about 1): scaled twice?",
                     severity="warning", evidence=(Evidence("batch.std", place, 0, std, "about 1", least),), remedies=(STANDARDIZE,))  # fmt: skip
        return failed(expected, measured, "the values hardly differ: were they divided by 255 twice?", found)
    wrong = []
    if size > largest or away > largest:
        wrong.append(f"features are as large as {number(max(size, away))}")
    if middle > offset and away > 0.5:
        wrong.append(f"the median feature lies {number(middle)} standard deviations from 0")
    if ratio > spread and size > 10:
        wrong.append(f"the features' standard deviations differ {number(ratio)} times")
    if not wrong:
        return passed(expected, measured)
    text = " and ".join(wrong)
    evidence = (Evidence("batch.feature_largest", place, 0, size, "about 1", largest), Evidence("batch.feature_offset_median", place, 0, middle, "about 0", offset))  # fmt: skip
    found = sick(
        "input-not-normalized",
        f"The inputs are not normalized: {text}.",
        severity="warning",
        evidence=evidence,
        remedies=(STANDARDIZE,),
    )
    return failed(expected, f"{measured}; {text}", "standardize them by the training set's mean and deviation", found)
