"""The search within `babysit train`: a few fields, inside the learning rates that the range test found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..data import Split
from ..nn import model_name
from ..record import Recipe
from ..record.study import Study, Trial
from ..trainer import fit
from ..trainer.folds import is_small
from ..views.words import duration
from .fleet import Fleet
from .job import Job
from .result import Searched, cores
from .searching import search
from .space import Dimension, Space, choice, log, usual
from .work import Work

FIELDS = ("lr", "weight_decay", "dropout", "width")
"""Searched when nobody chose."""
DEAR = ("lr", "weight_decay")
"""Searched in a convolutional network, whose trials are few and short: dropout pays only in long ones."""
SMALL = ("lr", "weight_decay", "dropout", "width", "activation")
"""Searched in a table of few examples, whose trials are cheap."""
DECAY = (1e-4, 0.3)
"""The range of weight decay there: what a hundred examples need is far above what a hundred thousand need."""
FOLDS = 4
"""Where one validation part says too little, trials are compared over folds."""
SHARE = 0.7
"""The share of the time that trials get; the rest is for the recipe as it was, which they have to beat."""
LANES = 16
"""Trials at once that the time of a training is measured with."""
BELIEVED = 3
"""The best so many of a small set's trials are trained again,"""
SURE = 0.7
"""(of so many that fit into this share of the time, since a trial's time is known roughly)"""
SEEDS = 3
"""with so many seeds on every fold, as the recipe as it was is."""


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
        fields: what may change; by default lr, weight_decay, and of an mlp dropout and width (of few examples
            the activation too).
        ranges: bounds known from before, such as {"lr": (2e-4, 0.1)}; they replace the usual ones.
        seconds: to spend, and not more: what the search leaves is the training's.
        on_trial: told all trials so far whenever one ends.
        out: a folder; the same call with it goes on where it was.
    """
    began = time.monotonic()
    table = model_name(recipe, split.shape) == "mlp"
    small = is_small(split) and table
    names = list(fields) if fields else list(SMALL if small else FIELDS if table else DEAR)
    space = dict(usual(recipe, names, task=split.task))
    if small and "weight_decay" in space:
        space["weight_decay"] = log(*DECAY)
    if small and "activation" in space and not fields:
        space["activation"] = choice(*dict.fromkeys((recipe.activation, "relu", "tanh")))
    for name, (low, high) in ranges.items():
        if name in space and 0 < low < high:
            space[name] = log(low, high)
    if "width" in space:
        space["width"] = _around(recipe.width)

    def told(trial: Trial, study: Searched) -> None:
        on_trial(study.trials)

    folds = FOLDS if (small or is_small(split) or not len(split.val)) and split.train.whole else 1
    fleet = Fleet()
    each = fleet.expected(Work(recipe, split, folds=folds), Job(0, {}, recipe.epochs, recipe.epochs), LANES)
    least = 2 * folds * each
    if least > (1 - SHARE) * seconds:
        return _none(recipe, split, space, folds, least / (1 - SHARE), seconds)
    study = search(
        split,
        space=space,
        recipe=recipe,
        time=max(0.1, SHARE * seconds - (time.monotonic() - began)),
        folds=folds,
        believe=0 if folds > 1 else 3,
        seed=recipe.seed,
        out=out,
        on_trial=told,
        executor=fleet,
    )
    if folds > 1:
        return _paired(study, recipe, split, began + seconds, lambda: on_trial(study.trials))
    return _with_base(study, recipe, split, began + seconds)


def _none(
    recipe: Recipe, split: Split, space: Mapping[str, Dimension], folds: int, needed: float, seconds: float
) -> Searched:
    """A search that isn't begun, since it could not even tell two recipes apart."""
    metric = "accuracy" if split.task == "classification" else "r2"
    over = f" over {folds} folds" if folds > 1 else ""
    note = (
        f"no search: comparing recipes{over} takes {duration(needed)} at least, and there are {duration(seconds)}; "
        "the recipe stays as it is, and its training gets the time"
    )
    return Searched(
        Space(space).to_dict(), metric=metric, epochs=recipe.epochs, folds=folds, notes=[note], recipe=recipe
    )


def _paired(
    study: Searched, recipe: Recipe, split: Split, deadline: float, tell: Callable[[], None] = lambda: None
) -> Searched:
    """The study with its best trials and the recipe as it was trained on the same folds with the same seeds.

    A trial takes the recipe's place where it is ahead by more than a standard error of the paired differences:
    over few examples the best of many trials is mostly the luckiest.
    """
    full = [one for one in study.ranked() if one.state == "complete" and one.epochs >= recipe.epochs]
    full = full[: _affordable(full, deadline)]
    base = _base(study)
    judged = {one.number: one for one in (base, *full)}
    jobs = [
        Job(one.number, one.params, recipe.epochs, recipe.epochs, fold, seed)
        for seed in range(SEEDS)
        for one in judged.values()
        for fold in range(FOLDS)
    ]
    fleet, scores, losses = Fleet(), np.full((len(judged), SEEDS, FOLDS), math.nan), {}
    fleet.deadline = deadline
    rows = {number: row for row, number in enumerate(judged)}
    for outcome in fleet.map(Work(recipe, split, folds=FOLDS), jobs):
        job = outcome.job
        tell()
        if outcome.broken or outcome.epochs >= recipe.epochs:
            scores[rows[job.trial], job.seed, job.fold] = -math.inf if outcome.broken else outcome.scores[-1]
            losses.setdefault(job.trial, []).append(outcome.losses[-1] if outcome.losses else math.nan)
    fleet.close()
    whole = np.isfinite(scores).all((0, 2)) if full else np.zeros(SEEDS, bool)
    if not whole.any():  # no time for a comparison: what was tried least stays
        return _kept(study, base, NO_TIME if full else "no trial was trained to its end: the recipe stays as it was")
    base.epochs = recipe.epochs
    scores = scores[:, whole].reshape(len(judged), -1)
    for one, row in zip(judged.values(), scores, strict=True):
        one.scores, one.seeds = row.tolist(), int(whole.sum())
        one.score, one.sd, one.loss = float(row.mean()), float(row.std(ddof=1)), float(np.mean(losses[one.number]))
    study.trials.append(base)
    study.believed = sorted(judged, key=lambda number: judged[number].rank, reverse=True)
    ahead = scores[rows[study.believed[0]]] - scores[0]
    if ahead.mean() <= ahead.std(ddof=1) / math.sqrt(len(ahead)):
        study.chosen = base.number
        study.notes.append("no trial did better than the recipe as it was by more than chance: it is kept")
    return study


NO_TIME = "no time was left to compare the best trials with the recipe as it was: it is kept"


def _base(study: Searched) -> Trial:
    return Trial(len(study.trials), {}, state="dropped", why="the recipe as it was")


def _kept(study: Searched, base: Trial, note: str) -> Searched:
    """The study in which nothing took the recipe's place."""
    study.trials.append(base)
    study.chosen = base.number
    study.notes.append(note)
    return study


def _affordable(full: Sequence[Trial], deadline: float) -> int:
    """Of how many trials there is time to train each again on all folds with one seed, beside the recipe as it was."""
    if not full:
        return 0
    each = float(np.mean([one.seconds for one in full])) / cores()
    return max(1, min(BELIEVED, int(SURE * (deadline - time.monotonic()) / max(each, 1e-9)) - 1))


def _with_base(study: Searched, recipe: Recipe, split: Split, deadline: float) -> Searched:
    """The study with one more trial, the recipe as it was, trained as long as the best: what it has to beat."""
    base = _base(study)
    try:
        best = study.best
    except ValueError:
        return _kept(study, base, "no trial came through: the recipe stays as it was")
    training = fit(recipe, split, until=best.epochs, on_epoch=lambda _: time.monotonic() > deadline)
    if len(training.history) < best.epochs and training.ended is None:
        return _kept(study, base, NO_TIME)
    if training.history:
        last = training.history[-1]
        base.score, base.loss, base.epochs = last.val_score, last.val_loss, len(training.history)
        base.curve, base.seconds = [one.val_score for one in training.history], training.seconds
        if base.rank >= best.rank:
            return _kept(study, base, "no trial did better than the recipe as it was: it is kept")
        study.trials.append(base)
    return study


def _around(width: int) -> Dimension:
    return choice(max(1, width // 2), width, width * 2)
