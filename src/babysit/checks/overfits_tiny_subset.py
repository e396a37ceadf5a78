"""Twenty examples can be learned by heart."""

from __future__ import annotations

from ..record import Recipe, Run
from . import UNREGULARIZED, Outcome, Train, check

LADDER = (1.0, 10.0, 0.1)
"""Factors on lr that are tried in turn: this asks whether it can learn, not whether lr is right."""


@check(gate=3)
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
    best: tuple[float, float, float] | None = None
    for factor in LADDER:
        lr = tiny.lr * factor
        run = train(tiny.edit(lr=lr), steps=steps, examples=examples, until=limit * _chance(tiny, train, examples))
        found = (run.last("loss.train") / _chance_of(run), _score(run), lr)
        if best is None or found[0] < best[0] or best[0] != best[0]:
            best = found
        if found[0] <= limit and _right(run):
            break
    assert best is not None
    share, score, lr = best
    learned = share <= limit and score >= _needed(run)
    name = "accuracy" if run.fact("task")["kind"] == "classification" else "R²"
    return Outcome(
        passed=learned,
        expected=f"loss < {limit * _chance_of(run):.2g}, {name} 1.00 on {examples} examples",
        measured=f"loss {share * _chance_of(run):.2g}, {name} {score:.2f} (lr {lr:.2g})",
        reason="" if learned else _REASON,
    )


_REASON = (
    "it can't learn even these by heart: look at init, activation and preprocess first, then at "
    "width and depth; contradictory labels on equal inputs do this too"
)


def _chance(recipe: Recipe, train: Train, examples: int) -> float:
    return _chance_of(train(recipe, steps=0, examples=examples))


def _chance_of(run: Run) -> float:
    return max(run.series("loss.chance").first, 1e-12)


def _score(run: Run) -> float:
    return run.last("accuracy.train") if run.has("accuracy.train") else run.last("r2.train")


def _needed(run: Run) -> float:
    return 1.0 if run.has("accuracy.train") else 0.95


def _right(run: Run) -> bool:
    return _score(run) >= _needed(run)
