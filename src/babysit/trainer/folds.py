"""Small sets: how long to train is fixed by folds, so that the final network may learn from the validation part too.

With a hundred examples, the validation part is too small to choose an epoch by and too dear to leave out of
training. So the recipe is trained on every fold of train and validation together; the number of epochs is the longest
that no shorter one beats by more than chance; and the network that is kept is trained that long on all of them.
Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 7.10 (cross-validation, standard-error rule).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from ..data import Part, Split
from ..record import Event, Recipe
from .final import wilson
from .loop import Epoch, Record, Training, fit

SMALL = 1000
"""Train and validation examples together, below which a set is small."""
COUNT = 5
"""Folds."""
SMOOTH = 5
"""Epochs whose mean is compared, as a single one is noisy."""
ERRORS = 2.0
"""Standard errors by which fewer epochs must be ahead: over five folds one is little."""
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Two-sided 95 % quantiles of Student's t by the number of folds."""


@dataclass(frozen=True)
class Folds:
    """What the folds came to.

    Attributes:
        count: of folds; `examples` in all of them.
        until: epochs that the final network trains, of the recipe's.
        losses, scores: after each epoch, the mean over the folds of validation loss and score.
        spread: standard deviation of the score over the folds at `until`.
    """

    count: int
    examples: int
    until: int
    losses: list[float]
    scores: list[float]
    spread: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def judged(self, task: str) -> dict[str, Any]:
        """The validation score: every example was judged once, by a network that had not seen it."""
        value, count = self.scores[self.until - 1], self.examples
        found: dict[str, Any] = {"n": count, "folds": self.count}
        if task == "classification":
            right = round(value * count)
            return {"accuracy": right / count, "interval": list(wilson(right, count)), **found}
        half = STUDENT[self.count] * self.spread / math.sqrt(self.count)
        return {"r2": value, "interval": [value - half, value + half], **found}


def is_small(split: Split) -> bool:
    """Are there too few examples to leave a validation part out of the final training?"""
    count = len(split.train) + len(split.val)
    return bool(len(split.val)) and split.train.whole and split.val.whole and 2 * COUNT <= count < SMALL


def joined(split: Split) -> Split:
    """The same with train and validation as one training part, and nothing to validate on."""
    x = torch.cat([split.train.x, split.val.x])  # type: ignore[list-item]
    y = torch.cat([split.train.y, split.val.y])
    index = np.concatenate([split.train.index, split.val.index])
    return replace(split, train=Part(x, y, index), val=Part(x[:0], y[:0], index[:0]))


def cuts(y: np.ndarray, task: str, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, validation rows) of each fold, every class spread over all of them.

    Examples:
        >>> sorted(val.tolist() for train, val in cuts(np.array([0, 1, 0, 1]), "classification", 2, seed=0))
        [[0, 1], [2, 3]]
    """
    order = np.random.default_rng([seed, 0xF1D5]).permutation(len(y))
    if task == "classification":
        order = order[np.argsort(y[order], kind="stable")]
    of = np.empty(len(y), np.int64)
    of[order] = np.arange(len(y)) % count
    return [(np.flatnonzero(of != number), np.flatnonzero(of == number)) for number in range(count)]


def fix_epochs(
    recipe: Recipe,
    split: Split,
    device: torch.device,
    on_epoch: Callable[[float], None] = lambda share: None,
    *,
    count: int = COUNT,
) -> Folds:
    """Train a recipe on every fold of train and validation together, and say for how many epochs it pays.

    Args:
        on_epoch: told the share that is done after each epoch.
    """
    whole = joined(split).train
    recipe = recipe.edit(patience=0)
    runs: list[Training] = []
    for number, (train, val) in enumerate(cuts(whole.y.cpu().numpy(), split.task, count, recipe.seed)):
        parts = {
            name: Part(*whole.gather(torch.from_numpy(rows)), whole.index[rows])
            for name, rows in (("train", train), ("val", val))
        }

        def told(training: Training, number: int = number) -> None:
            on_epoch((number + len(training.history) / recipe.epochs) / count)

        runs.append(fit(recipe, replace(split, **parts), device=device, on_epoch=told))
    epochs = min(len(run.history) for run in runs)
    losses = np.array([[epoch.val_loss for epoch in run.history[:epochs]] for run in runs])
    scores = np.array([[epoch.val_score for epoch in run.history[:epochs]] for run in runs])
    weights = np.array([len(run.prepared.val) for run in runs]) / len(whole)
    until = longest(scores)
    return Folds(
        count, len(whole), until, (weights @ losses).tolist(), (weights @ scores).tolist(),
        float(scores[:, until - 1].std(ddof=1)),
    )  # fmt: skip


def write_folds(record: Record, folds: Folds, epoch: Epoch, task: str) -> None:
    """The folds' validation after an epoch, beside what the final network's epoch of that number left."""
    name = "accuracy.val" if task == "classification" else "r2.val"
    values = {("loss.val", ""): folds.losses[epoch.number - 1], (name, ""): folds.scores[epoch.number - 1]}
    record.append(epoch.step, values, time.time())
    record.add_event(Event(epoch.step, "val", "", {"examples": folds.examples, "folds": folds.count}))


def longest(scores: np.ndarray | Sequence[Sequence[float]]) -> int:
    """The most epochs that no fewer beat by more than two standard errors of the difference.

    Args:
        scores: (folds, epochs), higher is better.

    Examples:
        >>> rising = np.linspace(0, 1, 20)
        >>> longest([rising, rising]), longest([rising[::-1], rising[::-1] - 0.1])
        (20, 3)
    """
    scores = np.asarray(scores, float)
    epochs = scores.shape[1]
    window = min(SMOOTH, epochs)
    means = np.stack(
        [np.convolve(row, np.ones(window) / window, "valid") for row in scores]
    )  # of epochs n … n + window
    best = int(means.mean(0).argmax())
    behind = means[:, best, None] - means
    error = behind.std(0, ddof=1) / math.sqrt(len(scores))
    fine = np.flatnonzero(behind.mean(0) <= np.maximum(ERRORS * error, 1e-12))
    last = int(fine.max())
    return epochs if last == means.shape[1] - 1 else last + 1 + window // 2
