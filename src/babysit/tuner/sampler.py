"""Coarse to fine as a sampler of Optuna's, usable without us::

    study = optuna.create_study(direction="maximize", sampler=StagedSampler(trials=200))
    study.optimize(objective, n_trials=200)

It draws stage by stage, each from boxes around the best so far; what it needs is told by the study's own trials,
pruned ones included (by their last value and step), so it works with any storage and any number of processes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import intersection_search_space
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .space import Dimension, Space, choice, integers, log, uniform
from .stages import Seen, Staged, sizes


class StagedSampler(BaseSampler):
    """Best-centred boxes that shrink from stage to stage.

    Args:
        trials: about how many there will be, to be cut into stages.
        seed: of the draws.
        shrink, smallest, share_global, centres: see `babysit.tuner.stages`.
    """

    def __init__(self, trials: int = 100, seed: int | None = None, **options: Any) -> None:
        self._sizes = sizes(trials, least=min(16, max(4, trials // 4)))
        self._seed = int(np.random.default_rng(seed).integers(1 << 31))
        self._options = options
        self._random = RandomSampler(seed=seed)
        self._kept: dict[tuple[Any, ...], np.ndarray] = {}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What all finished trials have in common (conditional parameters are drawn by themselves)."""
        found = intersection_search_space(study.get_trials(deepcopy=False))
        return {name: one for name, one in found.items() if not one.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        stage, place = self._place(trial.number)
        space = Space({name: dimension(one) for name, one in sorted(search_space.items())})
        begun = trial.number - place
        key = (stage, tuple(sorted((name, str(one)) for name, one in search_space.items())))
        points = self._kept.get(key)
        if points is None:
            seen = self._seen(study, space, before=begun)
            points = Staged(space, self._seed, **self._options).propose(self._size(stage), stage, seen)
            self._kept = {key: points}
        return space.edit(points[place])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A parameter that isn't common to all trials: around where the best that has it stands."""
        stage, _ = self._place(trial.number)
        space = Space({param_name: dimension(param_distribution)}) if not param_distribution.single() else None
        if stage == 0 or space is None:
            return self._random.sample_independent(study, trial, param_name, param_distribution)
        seen = self._seen(study, space, before=trial.number)
        point = Staged(space, self._seed + trial.number, **self._options).propose(1, stage, seen)[0]
        return space.edit(point)[param_name]

    def reseed_rng(self) -> None:
        self._random.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._random.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._random.after_trial(study, trial, state, values)

    def _place(self, number: int) -> tuple[int, int]:
        """(stage, place in it) of a trial's number; after the plan the last stage goes on."""
        stage = 0
        while number >= self._size(stage):
            number -= self._size(stage)
            stage += 1
        return stage, number

    def _size(self, stage: int) -> int:
        return self._sizes[min(stage, len(self._sizes) - 1)]

    def _seen(self, study: Study, space: Space, before: int) -> Seen:
        sign = -1.0 if study.direction == StudyDirection.MINIMIZE else 1.0
        units, scores, lengths = [], [], []
        for one in study.get_trials(deepcopy=False):
            if one.number >= before or one.state not in (TrialState.COMPLETE, TrialState.PRUNED):
                continue
            if not any(name in one.params for name in space):
                continue
            value = one.value if one.state is TrialState.COMPLETE else None
            last = max(one.intermediate_values, default=0)
            if value is None and one.intermediate_values:
                value = one.intermediate_values[last]
            inside = {name: one.params[name] for name in space if name in one.params}
            units.append(space.units(inside))
            scores.append(-math.inf if value is None or not math.isfinite(value) else sign * value)
            lengths.append(math.inf if one.state is TrialState.COMPLETE else last)
        shape = (len(units), len(space))
        known = np.array(lengths, float)
        longest = max(known[np.isfinite(known)], default=0.0) + 1  # a complete one was trained longer than any pruned
        return Seen(
            np.array(units, float).reshape(shape), np.array(scores, float), np.where(np.isfinite(known), known, longest)
        )


def dimension(one: BaseDistribution) -> Dimension:
    """Optuna's distribution as a dimension."""
    if isinstance(one, CategoricalDistribution):
        return choice(*one.choices)
    if isinstance(one, IntDistribution):
        return integers(one.low, one.high, logarithmic=one.log)
    assert isinstance(one, FloatDistribution)
    return log(one.low, one.high) if one.log else uniform(one.low, one.high)
