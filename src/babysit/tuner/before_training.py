"""The search within `babysit train`: a few fields, inside the learning rates that the range test found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..data import Split
from ..nn import model_name
from ..record import Recipe
from ..record.study import Study, Trial
from ..trainer import fit
from .result import Searched
from .searching import search
from .space import Dimension, choice, log, usual

FIELDS = ("lr", "weight_decay", "dropout", "width")
"""Searched when nobody chose."""
DEAR = ("lr", "weight_decay")
"""Searched in a convolutional network, whose trials are few and short: dropout pays only in long ones."""
FEW = 1000
"""Below so many examples one validation part says too little, and trials are compared over folds."""
FOLDS = 4
SHARE = 0.8
"""The share of the time that trials get; the rest is for the recipe as it was, which they have to beat."""


def before_training(
    recipe: Recipe,
    split: Split,
    *,
    fields: Sequence[str] | None,
    ranges: Mapping[str, tuple[float, float]],
    seconds: float,
    on_trial: Callable[[Sequence[Trial]], None],
    out: Path | None = None,
) -> Study:
    """Look for a better recipe; what `babysit.train(search=…)` takes.

    Args:
        fields: what may change; by default lr, weight_decay, and of an mlp dropout and width.
        ranges: bounds known from before, such as {"lr": (2e-4, 0.1)}; they replace the usual ones.
        seconds: to spend.
        on_trial: told all trials so far whenever one ends.
        out: a folder; the same call with it goes on where it was.
    """
    network = model_name(recipe, split.shape)
    names = list(fields) if fields else list(FIELDS if network == "mlp" else DEAR)
    space = dict(usual(recipe, names, task=split.task))
    for name, (low, high) in ranges.items():
        if name in space and 0 < low < high:
            space[name] = log(low, high)
    if "width" in space:
        space["width"] = _around(recipe.width)

    def told(trial: Trial, study: Searched) -> None:
        on_trial(study.trials)

    small = len(split.train) + len(split.val) < FEW and split.train.whole
    folds = FOLDS if small or not len(split.val) else 1
    study = search(
        split,
        space=space,
        recipe=recipe,
        time=f"{max(1.0, SHARE * seconds):.1f}",
        folds=folds,
        seed=recipe.seed,
        out=out,
        on_trial=told,
    )
    return study if folds > 1 else _with_base(study, recipe, split)


def _with_base(study: Searched, recipe: Recipe, split: Split) -> Searched:
    """The study with one more trial, the recipe as it was, trained as long as the best: what it has to beat."""
    try:
        best = study.best
    except ValueError:  # no trial came through
        return study
    training = fit(recipe, split, until=best.epochs)
    if training.history:
        last = training.history[-1]
        base = Trial(
            len(study.trials), {}, state="dropped", why="the recipe as it was", score=last.val_score, loss=last.val_loss,
            epochs=len(training.history), curve=[one.val_score for one in training.history], seconds=training.seconds,
        )  # fmt: skip
        study.trials.append(base)
        if base.rank >= best.rank:
            study.believed = [base.number, *study.believed]
            study.notes.append("no trial did better than the recipe as it was, which is kept")
    return study


def _around(width: int) -> Dimension:
    return choice(max(1, width // 2), width, width * 2)
