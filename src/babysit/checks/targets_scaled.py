"""Regression targets are finite and of size one."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import STANDARDIZE_TARGETS
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, percent, unknown


@check
def targets_scaled(recipe: Recipe, train: Train, *, size: float = 10.0, offset: float = 20.0) -> Outcome:
    """Are the targets finite, and of about unit size where they are numbers?

    Why it matters: a fresh network answers with numbers of size one. The squared error and its gradient grow with the
    size of the targets; with Adam, whose steps don't grow, the output needs |mean| / lr steps to reach their mean.

    Args:
        size: the largest standard deviation (and, inverted and divided by ten, the smallest).
        offset: the largest |mean|.

    Examples:
        >>> from babysit.testing import hand_written
        >>> task = {"task": {"kind": "regression"}}
        >>> targets_scaled(Recipe(), hand_written(targets={"target.mean": 0.1, "target.std": 1.0, **task})).passed
        True
        >>> targets_scaled(Recipe(), hand_written(targets={"target.mean": 2e5, "target.std": 9e4, **task})).findings[0].id
        'targets-not-scaled'

    Source:
        LeCun et al. 1998, Efficient BackProp, 4.5; Karpathy 2019, A Recipe for Training Neural Networks ("init well").
    """
    run = look(train, "targets")
    expected = "finite, mean about 0, standard deviation about 1"
    share = run.last("target.nonfinite", default=0.0)
    if share > 0:
        found = sick(
            "target-not-finite",
            f"{percent(share)} of the targets are NaN or infinite.",
            evidence=(Evidence("target.nonfinite", "", 0, share, "0"),),
        )
        return failed(expected, f"{percent(share)} not finite", "leave these examples out", found)
    if (run.fact("task") or {}).get("kind") != "regression":
        return unknown(expected, "", "the targets are no numbers to be predicted")
    mean, std = run.last("target.mean"), run.last("target.std")
    measured = f"mean {number(mean)}, standard deviation {number(std)}"
    large, far = std > size, abs(mean) > offset and abs(mean) > 3 * std
    tiny = 0 < std < 1 / (10 * size) and abs(mean) < 1 / size
    if not (large or far or tiny):
        return passed(expected, measured)
    found = sick(
        "targets-not-scaled", f"The targets have {measured} (expected about 0 and 1).", severity="warning",
        evidence=(Evidence("target.std", "", 0, std, "about 1", size), Evidence("target.mean", "", 0, mean, "about 0", offset)),
        remedies=(STANDARDIZE_TARGETS,),
    )  # fmt: skip
    return failed(expected, measured, "standardize them, or start the output's bias at their mean", found)
