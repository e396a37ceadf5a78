"""How frequent the classes are, and whether batches mix them."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import CLASS_WEIGHTS
from . import Outcome, Train, check, look, sick
from ._words import failed, passed, percent, unknown


@check
def labels_balanced(recipe: Recipe, train: Train, *, ratio: float = 10.0) -> Outcome:
    """Are there several classes, and is none far rarer than the others?

    Why it matters: with one class in a hundred, a network that never names it is 99 % right, and the loss says so
    too. Imbalance is a property of the data and no fault: the check passes and says it, so that recall is looked at
    as well as accuracy. One class only can teach nothing, and fails.

    Args:
        ratio: of the most to the least frequent class above which it is said.

    Examples:
        >>> from babysit.testing import hand_written
        >>> even = {"target.classes_seen": 10, "target.smallest": 0.09, "target.largest": 0.11}
        >>> labels_balanced(Recipe(), hand_written(targets=even)).measured
        '10 classes, 9 % to 11 % each'
        >>> labels_balanced(Recipe(), hand_written(targets=even | {"target.classes_seen": 1})).passed
        False

    Source:
        Buda et al. 2018, A systematic study of the class imbalance problem; SageMaker Debugger, ClassImbalance.
    """
    run = look(train, "targets")
    expected = "several classes, none far rarer than the others"
    if not run.has("target.classes_seen"):
        return unknown(expected, "", "the targets are no classes")
    seen, least, most = (run.last(f"target.{name}") for name in ("classes_seen", "smallest", "largest"))
    measured = f"{seen:.0f} classes, {percent(least)} to {percent(most)} each"
    if seen < 2:
        if run.last("target.count", default=1e9) < 64:
            return unknown(expected, measured, "too few labels were seen")
        if run.fact("turns"):
            return unknown(expected, measured, "several losses take turns, each with labels of its own")
        found = sick(
            "suspicious-labels",
            "All labels seen are the same.",
            evidence=(Evidence("target.classes_seen", "", 0, seen, "2 or more"),),
        )
        return failed(expected, "one class", "all labels are the same: look at how they are read", found)
    if most <= ratio * least:
        return passed(expected, measured)
    note = sick("minority-class-ignored", f"The classes are unbalanced ({measured}): look at each class's recall, not at accuracy alone.",
                severity="info", evidence=(Evidence("target.smallest", "", 0, least, f"above {percent(most / ratio)}"),), remedies=(CLASS_WEIGHTS,))  # fmt: skip
    return passed(expected, measured, note)
