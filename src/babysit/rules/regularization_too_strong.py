"""Weight decay outweighs the data."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import LESS_DECAY, NO_DECAY, NO_PENALTY
from . import found, rule
from ._consequences import NOT_LEARNING
from ._network import adaptive, hyper, is_matrix, optimizers, recent, source
from ._progress import READS, grade, progress
from ._words import number, percent


@rule("loss.addends", "weight.norm", "update.decay_cosine", "gradient.rms", "weight.rms", "lr", "fact:parameters", *READS, family="regularization",
      explains=(*NOT_LEARNING, "learning-rate-too-high", "updates-too-large", "decay-only-updates", "vanishing-gradients", "updates-too-small", "dead-relu", "rank-collapse"))  # fmt: skip
def regularization_too_strong(run: Run, *, pull: float = 2.0, left: float = 0.5) -> Iterator[Finding]:
    """The regularization outweighs the data: weights shrink instead of learning.

    Why it matters: weight decay pulls each weight towards 0 with the force decay·w. Where that is larger than the
    gradient of the data, the network forgets faster than it learns.

    Usual causes: a strength copied from another optimizer (0.01 to 0.1 is usual for AdamW, 1e-4 for SGD), a penalty added
    to the loss a second time, a penalty that is summed, not averaged.

    Told apart from: vanishing gradients without decay, weights that shrink a little on the way to a good fit (runs that
    learn well are left alone), decay on layers that batch norm rescales.

    Args:
        run: reads `weight.norm`, `update.decay_cosine`, gradients and weights, and the optimizer's `weight_decay`.
        pull: times the data's gradient that the pull of the decay may be.
        left: part of the norm that the weights must have kept.

    Examples:
        >>> facts = {"optimizers": [{"kind": "SGD", "groups": [{"lr": 0.1, "weight_decay": 0.5}]}]}
        >>> shrink = {"weight.norm": {"0.weight": [10 * 0.95 ** step for step in range(60)]}, "loss.train": [2.3] * 60,
        ...           "update.decay_cosine": {"0.weight": [0.97] * 60}, "loss.chance": [2.3] * 60}
        >>> [finding.message for finding in regularization_too_strong(Run.of(shrink, facts=facts))]
        ['The regularization is too strong: the weights have shrunk to 4.8 % of their norm at the start (weight_decay is 0.5), and the updates point towards 0 (cosine 0.97).']
        >>> steady = {**shrink, "weight.norm": {"0.weight": [10.0] * 60}, "update.decay_cosine": {"0.weight": [0.02] * 60}}
        >>> list(regularization_too_strong(Run.of(steady, facts=facts)))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting (crank up the regularization); TheDeepChecker (ratio 2).
    """
    decay, now = hyper(run, "weight_decay", 0.0), progress(run)
    if now.readings < 20 or now.step < 20:
        return
    kept = {
        where: series.last / series.first
        for where, series in run.each("weight.norm")
        if is_matrix(run, where) and len(series) > 3 and series.first > 0
    }
    cosine = [value for where, value in recent(run, "update.decay_cosine", 20).items() if is_matrix(run, where)]
    if not kept:
        return
    share, along = float(np.median(list(kept.values()))), float(np.median(cosine)) if cosine else math.nan
    penalty = _penalty(run)
    by_hand = decay == 0 and share < 0.05 and run.last("loss.addends", "", 1.0) >= 2 and _pulled(run)
    if now.winning and not by_hand:
        return
    force = _force(run, decay)
    shrunk = share < left
    drowned = decay > 0 and not adaptive(run) and along > 0.95 and force > pull  # from the first steps on
    if (
        not (shrunk or drowned)
        or not (decay > 0 or penalty > pull or by_hand)
        or not (along > 0.5 or force > pull or penalty > pull or by_hand)
    ):
        return
    gone = share < 0.05 or along > 0.9
    how = (
        f"weight_decay is {number(decay)}" if decay > 0 else "another term of the loss pulls at them" if by_hand
        else f"the penalty is {number(penalty)} times the criterion"
    )  # fmt: skip
    yield found(
        severity="warning" if by_hand else grade(run, "warning"),
        stage="suspect",
        confidence=0.85 if gone else 0.6,
        step=1,
        source=source(run, "optimizer") if optimizers(run) else None,
        message="The regularization is too strong: "
        + (
            f"the weights have shrunk to {percent(share)} of their norm at the start ({how})"
            if shrunk
            else f"the decay pulls {number(force)} times as hard as the data ({how})"
        )
        + (f", and the updates point towards 0 (cosine {number(along)})." if along > 0.5 else "."),
        evidence=[
            Evidence("weight.norm", next(iter(kept)), now.step, share, f"> {left:g} of the start"),
            *([Evidence("update.decay_cosine", None, now.step, along, "about 0")] if along > 0.5 else []),
        ],
        remedies=[NO_DECAY, LESS_DECAY] if decay > 0 else [NO_PENALTY],
    )


def _pulled(run: Run) -> bool:
    """Did the first updates of most weights point towards 0?"""
    first = [
        float(np.median(series.values[:10]))
        for where, series in run.each("update.decay_cosine")
        if is_matrix(run, where) and len(series)
    ]
    return bool(first) and float(np.median(first)) > 0.5


def _force(run: Run, decay: float) -> float:
    """decay·|w| over the data's gradient, for optimizers that add the decay to it; NaN where unknown."""
    if decay <= 0 or adaptive(run):
        return math.nan
    gradients, sizes = recent(run, "gradient.rms", 20), recent(run, "weight.rms", 5)
    ratios = [
        decay * sizes[where] / value
        for where, value in gradients.items()
        if value > 0 and where in sizes and is_matrix(run, where)
    ]
    return float(np.median(ratios)) if ratios else math.nan


def _penalty(run: Run) -> float:
    """What was added to the criterion's own value, over that value, at the same steps."""
    own, total = run.series("loss.criterion"), run.series("loss.train")
    _, mine, whole = np.intersect1d(own.steps, total.steps, return_indices=True)
    if len(mine) < 3:
        return 0.0
    value, added = np.abs(own.values[mine]), total.values[whole] - own.values[mine]
    return float(np.median(added) / np.median(value)) if np.median(value) > 0 else 0.0
