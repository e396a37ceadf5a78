"""The loss gets raw scores where it wants raw scores."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import LOG_PROBABILITIES, LOGITS
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown


@check
def loss_gets_scores(recipe: Recipe, train: Train, *, least: int = 16) -> Outcome:
    """Does the loss get raw scores where it wants scores, and log-probabilities where it wants those?

    Why it matters: cross-entropy applies the softmax itself. Given probabilities it can't fall below
    ln(1 + (K - 1)/e), 1.46 for ten classes, and its gradient is weak; the first loss still looks right. This is the
    commonest silent fault of all.

    Args:
        least: examples needed.

    Examples:
        >>> from babysit.testing import hand_written
        >>> scores = {"criteria": [{"kind": "cross_entropy"}], "output.min": -2.0, "output.max": 3.0,
        ...           "output.row_sum_error": -1.0, "output.log_row_sum_error": 9.0, "output.count": 512}
        >>> loss_gets_scores(Recipe(), hand_written(criterion=scores)).passed
        True
        >>> soft = scores | {"output.min": 0.0, "output.max": 1.0, "output.row_sum_error": 1e-7}
        >>> loss_gets_scores(Recipe(), hand_written(criterion=soft)).findings[0].id
        'loss-expects-logits'

    Source:
        PyTorch's documentation of CrossEntropyLoss; the commonest fault (17 %) in 365 posts on silent bugs.
    """
    run = look(train, "criterion")
    criteria = run.fact("criteria") or []
    kind = criteria[0]["kind"] if criteria else ""
    low, high, rows = run.last("output.min"), run.last("output.max"), run.last("output.row_sum_error", default=-1.0)
    reach = run.fact("reach") or [None, None, ""]
    if (
        kind not in ("cross_entropy", "binary_cross_entropy_with_logits", "nll_loss")
        or run.last("output.count") < least
    ):
        return unknown("scores", "", "the loss has no such need, or too few examples were seen")
    measured = f"values {number(low)} to {number(high)}"
    if kind == "nll_loss":
        off = run.last("output.log_row_sum_error")
        if off <= 1e-2:
            return passed("log-probabilities", measured)
        found = sick("loss-expects-log-probabilities", f"nll_loss gets values ({measured}) that are no log-probabilities.",
                     evidence=(Evidence("output.log_row_sum_error", "", 0, off, "0"),), remedies=(LOG_PROBABILITIES,))  # fmt: skip
        return failed("log-probabilities", measured, "use log_softmax before it, or cross_entropy on the scores", found)
    softmax = kind == "cross_entropy" and low >= 0 and 0 <= rows < 1e-3
    sigmoid = low >= 0 and high <= 1 and reach[2] == "sigmoid"
    if not (softmax or sigmoid):
        return passed("raw scores", measured)
    name = "softmax" if softmax else "sigmoid"
    found = sick("loss-expects-logits", f"{kind} wants raw scores but gets probabilities (after a {name}): it applies its own.",
                 evidence=(Evidence("output.row_sum_error" if softmax else "output.max", "", 0, rows if softmax else high, "raw scores"),), remedies=(LOGITS,))  # fmt: skip
    return failed("raw scores", f"probabilities, after a {name}", f"take the {name} off the loss's input", found)
