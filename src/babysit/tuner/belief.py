"""The best few trained again with other seeds, before one is believed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..record.study import Trial
from .job import Executor, Job
from .merits import merit


class Belief:
    """Trains trials in full with several seeds.

    Args:
        epochs: of a full training.
        folds: each seed is trained on all of them.
        left: the seconds that are left, infinite without a budget.
        tell: told how many of how many trainings are over.
    """

    def __init__(
        self, executor: Executor, work: Any, epochs: int, folds: int, left: Callable[[], float],
        tell: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:  # fmt: skip
        self.executor, self.work, self.epochs, self.folds, self.left = executor, work, epochs, folds, left
        self.tell = tell

    def again(self, few: Sequence[Trial], seeds: int) -> list[Trial]:
        """Train with seeds 1 and up, as many trials as there is time for; a trial's score becomes the mean over folds
        and seeds. Those that have several seeds now, best first."""
        fresh = self._affordable([trial for trial in few if trial.seeds == 1], seeds)
        scores = {trial.number: [*(trial.scores or [trial.score])] for trial in fresh}
        losses = {trial.number: [trial.loss] * len(scores[trial.number]) for trial in fresh}
        drawn = {trial.number: {0} for trial in fresh}
        jobs = self._jobs(fresh, range(1, seeds))
        with contextlib.closing(closable(self.executor.map(self.work, jobs))) as outcomes:
            for number, outcome in enumerate(outcomes, 1):
                self.tell(number, len(jobs))
                if outcome.epochs < self.epochs and not outcome.broken:
                    continue  # the time was over
                value = outcome.scores[-1] if outcome.scores else math.nan
                scores[outcome.job.trial].append(value if math.isfinite(value) and not outcome.broken else 0.0)
                losses[outcome.job.trial].append(outcome.losses[-1] if outcome.losses else math.nan)
                drawn[outcome.job.trial].add(outcome.job.seed)
                if self.left() <= 0:
                    break
        for trial in fresh:
            if len(drawn[trial.number]) > 1:
                _settle(trial, scores[trial.number], losses[trial.number], len(drawn[trial.number]))
        return sorted((trial for trial in few if trial.seeds > 1), key=merit, reverse=True)

    def fit(self, trial: Trial, seeds: int) -> Trial:
        """The same recipe with so many seeds, from the start."""
        if hasattr(self.executor, "deadline"):
            self.executor.deadline = None
        outcomes = list(self.executor.map(self.work, self._jobs([trial], range(seeds))))
        self.executor.close()
        found = replace(trial, scores=[], seeds=seeds)
        found.scores = [outcome.scores[-1] for outcome in outcomes if outcome.scores and not outcome.broken]
        found.score = float(np.mean(found.scores)) if found.scores else math.nan
        found.sd = float(np.std(found.scores, ddof=1)) if len(found.scores) > 1 else math.nan
        return found

    def _jobs(self, trials: Sequence[Trial], seeds: range) -> list[Job]:
        return [
            Job(trial.number, trial.params, self.epochs, self.epochs, fold, seed)
            for seed in seeds
            for trial in trials
            for fold in range(self.folds)
        ]

    def _affordable(self, few: list[Trial], seeds: int) -> list[Trial]:
        left = self.left()
        if not math.isfinite(left) or not few:
            return few
        each = max(trial.seconds for trial in few) * (seeds - 1)
        fits = int(left / max(each, 1e-9) * 0.9)
        return few[: max(fits, 0)] if fits >= 2 else []


def _settle(trial: Trial, scores: list[float], losses: list[float], seeds: int) -> None:
    trial.scores, trial.seeds = scores, seeds
    trial.score, trial.sd = float(np.mean(scores)), float(np.std(scores, ddof=1))
    known = [loss for loss in losses if not math.isnan(loss)]
    trial.loss = float(np.mean(known)) if known else math.nan


def closable(found: Any) -> Any:
    """An iterator that can be closed, from any."""
    return found if hasattr(found, "close") else (one for one in found)
