"""What is decided before training: the checks pass, a search chooses the recipe, folds and the budget its epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from ..checks import Check, gates
from ..data import Split
from ..errors import TrainingError
from ..record import Recipe
from ..record.study import Study, Trial
from ..registry import members
from ..views.words import duration, plural
from .brief import brief
from .budget import Budget, epochs_within
from .folder import SEARCH, Plan
from .folds import COUNT, Folds, fix_epochs, is_small
from .loop import Training
from .prepared import Prepared
from .show import Show
from .words import about_folds, refusal

PATIENCE = 120.0
"""Seconds that folds may take where there is no budget; a small set whose trainings are long keeps its validation part."""
LEAST = 1.0
"""Seconds of a search that is worth beginning."""
FOLDED = 0.6
"""The share of what training may take that folds are begun within; they and the training then fit."""


class Search(Protocol):
    """A search that can be handed in; `babysit.tuner.before_training` is one."""

    def __call__(
        self,
        recipe: Recipe,
        split: Split,
        *,
        fields: Sequence[str] | None,
        ranges: Mapping[str, tuple[float, float]],
        seconds: float,
        on_trial: Callable[[Sequence[Trial]], None],
        out: Path,
    ) -> Study:
        """Look for a better recipe.

        Args:
            fields: what may change; None leaves the choice to the search.
            ranges: bounds that are already known, such as the learning rate's.
            seconds: to spend.
            on_trial: told all trials so far whenever one ends.
            out: a folder for what lets it go on after it was stopped.
        """
        ...


class Decision:
    """From a first guess to the recipe that is trained; what it finds goes into the plan at once.

    Attributes:
        recipe: as it stands; after `run` as it is to be trained.
    """

    def __init__(
        self, recipe: Recipe, split: Split, prepared: Prepared, plan: Plan, folder: Path, budget: Budget, show: Show
    ) -> None:
        self.recipe, self.split, self.prepared = recipe, split, prepared
        self.plan, self.folder, self.budget, self.show = plan, folder, budget, show
        self._ranges: dict[str, tuple[float, float]] = {}

    def run(
        self, search: Search | None, fields: Sequence[str] | None, *, go_on: bool, save: Callable[[], None]
    ) -> None:
        """Everything that comes before training; `save` keeps the plan."""
        self._gates(go_on)
        save()
        if search is not None:
            self._search(search, fields)
        self._epochs()
        self.plan.final = self.recipe.to_dict()
        save()

    def _gates(self, go_on: bool) -> None:
        self.show.step("Before learning", "a minute here saves hours: most faults show before any real training")
        train_a_little = brief(self.split, self.prepared, self.recipe, seconds=self.budget.for_checks())
        found = gates(members("babysit.checks", Check))  # type: ignore[arg-type]
        self.plan.checks = []
        with self.show.progress("checking", len(found)) as update:
            for number, gate in enumerate(found):
                update(number, gate.name)
                outcome = gate(self.recipe, train_a_little)
                self.plan.checks.append(outcome.to_dict())
                self._ranges |= dict(outcome.suggests)
                self.plan.seen |= dict(outcome.seen)
                self.show.outcome(outcome)
                if outcome.passed is False and not go_on:
                    raise TrainingError(refusal(gate, outcome.expected, outcome.measured, outcome.reason))

    def _search(self, search: Search, fields: Sequence[str] | None) -> None:
        needed = self._seconds_of_training()
        seconds = self.budget.for_search(needed)
        if seconds < LEAST:
            left = duration(self.budget.for_training())
            self.show.facts([("no search", f"the training takes {duration(needed)}, and {left} are left for it")])
            return
        self.show.step("Search", "coarse to fine: many short trials first, then longer ones around the best")
        with self.show.progress("searching", seconds) as update:
            began = perf_counter()
            metric = "accuracy" if self.split.task == "classification" else "r2"

            def on_trial(trials: Sequence[Trial]) -> None:
                self.show.trials(Study({}, list(trials), metric, self.recipe.epochs))
                update(perf_counter() - began, plural(len(trials), "trial"))

            study = search(
                self.recipe,
                self.split,
                fields=fields,
                ranges=self._ranges,
                seconds=seconds,
                on_trial=on_trial,
                out=self.folder / SEARCH,
            )
        self.plan.study = study.to_dict()
        self.show.study(study)
        try:
            best = study.choice.params
        except ValueError:  # not one trial came through: the recipe stays as it was, and says so
            best = {}
        self.recipe = self.recipe.edit(best)

    def _seconds_of_training(self) -> float:
        """What a whole training is expected to take, by some of its steps."""
        training = Training(self.recipe, self.split, prepared=self.prepared)
        return training.probe() * training.total_steps * 1.15

    def _epochs(self) -> None:
        """How long to train: by folds where the set is small and there is time for that, else by the budget."""
        needed = self._seconds_of_training()
        room = self.budget.for_training()
        if is_small(self.split) and needed * COUNT <= min(PATIENCE, FOLDED * room):
            self._fold()
        elif math.isfinite(room):
            self._fit_to_time(needed, room)

    def _fold(self) -> None:
        with self.show.progress("folds", 1) as update:
            found = fix_epochs(self.recipe, self.split, self.prepared.device, lambda share: update(share, ""))
        self.plan.folds = found.to_dict()
        self.show.facts(about_folds(found, self.recipe, self.split.task))

    def _fit_to_time(self, needed: float, room: float) -> None:
        """Fewer epochs where the budget asks for that, so that the schedule comes to its end."""
        epochs = epochs_within(self.recipe.epochs, needed, room)
        if epochs < self.recipe.epochs:
            self.show.facts(
                [("time", f"{plural(epochs, 'epoch')} instead of {self.recipe.epochs} fit into what is left")]
            )
        self.recipe = self.recipe.edit(epochs=epochs)


def folds_of(plan: Plan) -> Folds | None:
    """What the folds came to, where the plan has it."""
    values: dict[str, Any] | None = plan.folds
    return Folds(**values) if values else None
