"""What a trial came to, from its folds; and how trials compare."""

from __future__ import annotations

import math

import numpy as np

from ..record.study import Trial
from .job import Outcome


def gather(trial: Trial, outcomes: list[Outcome]) -> None:
    """A trial's curve from those of its folds: the mean, as far as all of them go."""
    outcomes = sorted(outcomes, key=lambda outcome: outcome.job.fold)
    length = min(outcome.epochs for outcome in outcomes)
    trial.epochs = length
    trial.curve = _mean([outcome.scores[:length] for outcome in outcomes])
    trial.losses = _mean([outcome.losses[:length] for outcome in outcomes])
    trial.costs = _mean([outcome.costs[:length] for outcome in outcomes])
    trial.seconds += sum(outcome.seconds for outcome in outcomes)
    trial.scores = [outcome.scores[length - 1] for outcome in outcomes] if length else []
    trial.score = trial.curve[-1] if length else math.nan
    trial.loss = trial.losses[-1] if length else math.nan
    trial.sd = float(np.std(trial.scores, ddof=1)) if len(trial.scores) > 1 else math.nan


def merit(trial: Trial) -> float:
    """Compares trials of equal length: the score, and among equal ones (accuracy is coarse) the lower loss."""
    if not math.isfinite(trial.score):
        return -math.inf
    loss = trial.loss if math.isfinite(trial.loss) else 1e9
    return trial.score - 1e-3 * abs(loss) / (1 + abs(loss))


def _mean(rows: list[list[float]]) -> list[float]:
    if len(rows) == 1:
        return [*rows[0]]
    return [float(sum(column) / len(column)) for column in zip(*rows, strict=True)]
