"""Regularization cranked up makes the loss rise."""

from __future__ import annotations

import math

from ..record import Recipe, Run
from ..record.apart import apart
from . import UNREGULARIZED, CannotJudge, Outcome, Train, check, sick


@check(gate=2, cost=2)
def regularization_wired(recipe: Recipe, train: Train, *, steps: int = 20, crank: float = 1e3) -> Outcome:
    """Does the loss rise, and do the weights shrink, when the regularization is cranked up?

    Why it matters: a weight decay that never reaches the optimizer changes nothing and raises no
    error; every experiment with it is then about noise. The loss with its L2 term must rise at once,
    and some steps later the weights must be smaller than without it.

    Args:
        steps: trained with and without, from the same start and on the same batches.
        crank: the weight decay tried, lowered so far that lr x decay stays below 0.1 (above 1 every
            step would overshoot zero).

    Source:
        CS231n, Neural Networks 3, "Before learning: sanity checks" (2.30 rises to 3.06 at 1e3).
    """
    without = recipe.edit({**UNREGULARIZED, "schedule": "constant", "warmup": 0.0})
    strength = min(crank, 0.1 / without.lr)
    plain, cranked = train(without, steps=steps), train(without.edit(weight_decay=strength), steps=steps)
    if not _size(cranked, first=True):
        raise CannotJudge("every weight starts at 0, so there is nothing to shrink")
    before, after = _objective(plain), _objective(cranked)
    shrunk, kept = _size(cranked) / _size(cranked, first=True), _size(plain) / _size(plain, first=True)
    end, start = apart(after, before)
    times, plainly = apart(shrunk, kept, lambda value, digits: f"{value:.{digits}f}", 2)
    rises, shrinks = after > before * (1 + 1e-6), not shrunk >= kept * (1 - 1e-3)
    if rises and shrinks:
        reason = ""
    elif not rises:
        reason = "weight_decay does not reach the loss: the optimizer's parameter groups have none"
    else:
        reason = "weight_decay is in the optimizer's groups, but its steps do not shrink the weights"
    return Outcome(
        passed=rises and shrinks,
        expected=f"loss above {start}, smaller weights",
        measured=f"loss {end} at weight_decay={strength:.3g}, weights x {times} (x {plainly} without)",
        reason=reason,
        findings=(sick("regularization-not-wired", f"{reason}.", severity="warning"),) if reason else (),
    )


def _objective(run: Run) -> float:
    """The loss with its L2 term, before any step."""
    return run.series("loss.train").first + run.last("loss.penalty")


def _size(run: Run, *, first: bool = False) -> float:
    """The norm of all weight matrices together, at the start or the end."""
    norms = [series.first if first else series.last for _, series in run.each("weight.norm")]
    return math.sqrt(sum(norm * norm for norm in norms))
