"""What a search gives: the study, with the means to go on from it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..record import Recipe
from ..record.study import Study, Trial


@dataclass
class Searched(Study):
    """A study that can also train its best recipe.

    Attributes:
        optuna: the `optuna.Study` behind it, for dashboards, visualization and importance.
        recipe: the base that trials edit.
        folder: where it is kept, or None.
    """

    optuna: Any = field(default=None, repr=False)
    recipe: Recipe | None = field(default=None, repr=False)
    folder: Path | None = None
    _fit: Callable[[Trial, int], Trial] | None = field(default=None, repr=False)

    @property
    def best_recipe(self) -> Recipe:
        """The base edited by the fields (those that a recipe has) of the trial that is taken."""
        from .work import FIELDS

        assert self.recipe is not None
        return self.recipe.edit({name: value for name, value in self.choice.params.items() if name in FIELDS})

    def fit_best(self, seeds: int = 5) -> Trial:
        """Train the best recipe in full with several seeds: score is the mean, `sd` its standard deviation."""
        assert self._fit is not None
        return self._fit(self.best, seeds)

    def importance(self) -> dict[str, float]:
        """How much of the differences between trials each field explains (Optuna's fANOVA), largest first."""
        import warnings

        import optuna

        done = [trial for trial in self.trials if math.isfinite(trial.score)]
        if len(done) < 8:
            return {}
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            study = optuna.create_study(direction="maximize")
        finally:
            optuna.logging.set_verbosity(level)
        known = {frozen.number: frozen for frozen in self.optuna.get_trials(deepcopy=False)}
        for trial in done:
            frozen = known[trial.number]
            study.add_trial(
                optuna.trial.create_trial(value=trial.score, params=frozen.params, distributions=frozen.distributions)
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dict(optuna.importance.get_param_importances(study))

    def report(self, path: str | Path) -> Path:
        """Write the search as one HTML file: what the lecture shows of one, with the edge warning."""
        from ..views.page import report

        return report(self, path)

    def save(self, path: str | Path) -> Path:
        """Write the study as JSON."""
        return _whole(Path(path), json.dumps(self.to_dict()))


def _whole(path: Path, text: str) -> Path:
    from ..trainer.checkpoint import write

    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, text)
    return path


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
