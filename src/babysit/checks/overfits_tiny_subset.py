"""Twenty examples can be learned by heart."""

from __future__ import annotations

import math

from ..record import Recipe, Run
from ..record.apart import apart
from . import UNREGULARIZED, CannotJudge, Outcome, Train, check, sick

LADDER = (1.0, 10.0, 100.0, 0.1, 1e3, 1e4)
"""Factors on lr that are tried in turn: this asks whether it can learn, not whether lr is right.

Those above the first four only as long as the highest so far was the best.
"""


@check(gate=3, cost=2)
def overfits_tiny_subset(
    recipe: Recipe, train: Train, *, examples: int = 20, steps: int = 300, limit: float = 0.02
) -> Outcome:
    """Can it learn twenty examples by heart, with regularization off, to a loss near 0 and accuracy 1.00?

    Why it matters: it costs a second and fails for almost every fault in the chain from data to
    update: wrong loss, gradients that don't arrive, inputs and targets that don't belong together,
    dead or saturated units.

    Args:
        examples: how many, of all classes in turn.
        steps: at most, for each learning rate tried.
        limit: the loss to reach, as a share of what chance gives.

    Source:
        CS231n, Neural Networks 3, "Before learning: sanity checks": 20 examples of CIFAR-10.
    """
    tiny = recipe.edit({**UNREGULARIZED, "schedule": "constant", "warmup": 0.0, "batch": examples})
    start = train(tiny, steps=0, examples=examples)
    if not start.has("loss.chance") or math.isnan(start.series("loss.chance").first):
        raise CannotJudge("the loss is none whose value at chance is known")
    chance, floor = max(start.series("loss.chance").first, 1e-12), start.fact("floor") == "unknown"
    first = start.series("loss.train").first
    tries: list[tuple[float, float, bool, float]] = []
    for factor in LADDER:
        lr = tiny.lr * factor
        if len(tries) >= 4 and min(tries)[3] != max(tries, key=lambda one: one[3])[3]:
            break
        run = train(tiny.edit(lr=lr), steps=steps, examples=examples, until=limit * chance)
        loss, (score, needed) = run.last("loss.train"), _score(run)
        tries.append((loss if math.isfinite(loss) else math.inf, score, score >= needed and loss <= limit * chance, lr))
        if tries[-1][2]:
            break
    loss, score, learned, lr = min(tries, key=lambda one: (not one[2], one[0]))
    name = "accuracy" if run.has("accuracy.train") else "R²"
    reached, wanted = apart(loss, limit * chance, least=2)
    got, needed = apart(score, needed, lambda value, digits: f"{value:.{digits}f}", 2)
    if floor and not learned and loss < 0.7 * first:
        raise CannotJudge(
            f"the loss fell from {first:.3g} to {loss:.3g}; whether it can reach 0 is not known (several terms, sampling, "
            "positions that can't be told apart)"
        )
    found = sick(
        "cannot-overfit-tiny-subset",
        f"{examples} examples can't be learned by heart: loss {reached}, {name} {got}.",
    )
    return Outcome(
        passed=learned,
        expected=f"loss < {wanted}, {name} {needed} on {examples} examples",
        measured=f"loss {reached}, {name} {got} (lr {lr:.2g})",
        reason="" if learned else _REASON,
        findings=() if learned else (found,),
    )


_REASON = (
    "it can't learn even these by heart: look at init, activation and preprocess first, then at "
    "width and depth; contradictory labels on equal inputs do this too"
)


def _score(run: Run) -> tuple[float, float]:
    """(reached, needed): accuracy, or R² where targets are numbers."""
    if run.has("accuracy.train"):
        return run.last("accuracy.train"), 1.0
    return (run.last("r2.train"), 0.95) if run.has("r2.train") else (1.0, 0.95)
