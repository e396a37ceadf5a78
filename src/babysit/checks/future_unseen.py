"""The future doesn't leak into the past."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import advice
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown


@check
def future_unseen(recipe: Recipe, train: Train, *, limit: float = 1e-4) -> Outcome:
    """Where the next value is to be predicted, does an output stay the same when later inputs change?

    Why it matters: a missing causal mask, a bidirectional layer or a shift the wrong way lets the model read the answer. Its
    loss falls to almost nothing, and it can't write a word.

    Args:
        limit: the largest change of an output by a later input, relative to the outputs' spread.

    Examples:
        >>> from babysit.testing import hand_written
        >>> future_unseen(Recipe(), hand_written(dependency={"dependency": {"examples": 0, "future": 0.0}})).passed
        True
        >>> future_unseen(Recipe(), hand_written(dependency={"dependency": {"examples": 0, "future": 2.0}})).findings[0].id
        'target-in-input'

    Source:
        Karpathy 2019, "use backprop to chart dependencies"; Vaswani et al. 2017, 3.2.3.
    """
    found = look(train, "dependency").fact("dependency") or {}
    change = found.get("future")
    if change is None:
        return unknown("no change", "", str(found.get("why", "it is no sequence")))
    expected, measured = "no change", f"change of {number(change)} of the outputs' spread"
    if change <= limit:
        return passed(expected, measured)
    finding = sick("target-in-input", f"The output at a position changes by {number(change)} of the outputs' spread when later inputs change: it can read the answer.",
                   evidence=(Evidence("fact:dependency", "", 0, change, "0", limit),),
                   remedies=(advice("Mask the future in attention; no bidirectional layer", "scores = scores.masked_fill(mask == 0, float('-inf'))"),))  # fmt: skip
    return failed(
        expected, measured, "mask the future: a causal mask, no bidirectional layer, targets shifted by one", finding
    )
