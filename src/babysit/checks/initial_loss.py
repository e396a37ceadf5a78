"""The loss before any step is what chance gives."""

from __future__ import annotations

import math

from ..record import Evidence, Recipe, Run
from ..record.remedies import INIT_HE, SMALL_HEAD, STANDARDIZE
from . import UNREGULARIZED, CannotJudge, Outcome, Train, check, sick

_FORMULA = {"cross_entropy": "ln K", "hinge": "K - 1", "mse": "Var y"}


@check(gate=1, cost=1)
def initial_loss(recipe: Recipe, train: Train, *, limit: float = 1.0) -> Outcome:
    """Is the loss before any step what chance gives, with regularization at zero?

    Why it matters: a network that knows nothing should not prefer any class: ln K for cross-entropy
    over K classes (2.30 for ten), K - 1 for the hinge, Var y for squared error. Far above it the first
    steps are spent on unlearning what the initialization made up; far below it the answer has leaked
    into the input. H(y), shown beside it, is where a network gets that learns only how frequent the
    classes are.

    Args:
        limit: the largest relative distance above chance; half of it is the largest below. Random
            outputs of standard deviation s cost about s²/2 more than equal ones, so some excess is normal.

    Source:
        CS231n, Neural Networks 3, "Before learning: sanity checks"; Karpathy 2019.
    """
    run = train(recipe.edit(UNREGULARIZED), steps=0)
    measured, expected = run.last("loss.criterion", default=run.last("loss.train")), run.last("loss.uniform")
    if math.isnan(expected):
        raise CannotJudge("the loss is none whose value at chance is known")
    least = min(expected, run.last("loss.chance", default=expected)) * (1 - limit / 2)
    loss = str(run.fact("loss"))
    outcome = Outcome(
        passed=math.isfinite(measured) and least <= measured <= expected * (1 + limit),
        expected=f"{expected:.3g} ({_FORMULA.get(loss, 'chance')}{_marginal(run, loss)})",
        measured=f"{measured:.3g}",
    )
    return outcome if outcome.passed else _failed(run, outcome, measured, expected)


def _marginal(run: Run, loss: str) -> str:
    return f"; H(y) = {run.last('loss.chance'):.3g}" if loss == "cross_entropy" else ""


def _failed(run: Run, outcome: Outcome, measured: float, expected: float) -> Outcome:
    if not math.isfinite(measured):
        reason = "the outputs are not finite: the initial weights or the inputs are far too large"
    elif measured > expected:
        reason = (
            "the untrained network is far too sure of itself: its outputs are too large; try init=auto, "
            "preprocess=standardize, or a norm"
        )
    elif run.fact("floor") is not None:
        raise CannotJudge(
            f"the loss starts at {measured:.3g}, below chance ({expected:.3g}): a trained network, or a leak"
        )
    else:
        reason = "it knows the answers before learning: does the input contain the target?"
    found = sick(
        "initial-loss-off" if math.isfinite(measured) else "loss-not-finite",
        f"The loss before any step is {measured:.3g}, chance gives {expected:.3g}: {reason}.",
        severity="error" if not measured <= 10 * expected else "warning",
        evidence=(Evidence("loss.train", "", 0, measured, outcome.expected, expected),),
        remedies=(SMALL_HEAD, STANDARDIZE, INIT_HE),
    )
    return Outcome(False, outcome.expected, outcome.measured, reason=reason, findings=(found,))
