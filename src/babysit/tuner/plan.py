"""How much is searched and how, and where a search stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..errors import RecipeError
from ..record.study import Study
from . import methods
from .stages import KEEP, STAGES, ladder, sizes

FIRST = 48
"""Trials of the first stage where only the time is given: enough to see how fast it goes."""
BELIEF = 0.2
"""Share of the time kept for training the best few again with several seeds."""
MOST = 1024
"""Trials of one stage at most, where the time decides."""
LEAST = 8
"""... and at least: fewer tell nothing, and the search ends instead."""


@dataclass(frozen=True)
class Plan:
    """How much is searched, and how."""

    trials: int | None
    seconds: float | None
    epochs: int
    method: Any
    believe: int
    seeds: int
    each: float | None = None

    @classmethod
    def of(
        cls, trials: int | None, seconds: float | None, epochs: int, method: Any, believe: int, seeds: int,
        each: float | None = None,
    ) -> Plan:  # fmt: skip
        """Checked, with what isn't told filled in; `each` seconds of a full training, where that is known before."""
        if trials is not None and trials < 1:
            raise RecipeError(f"trials >= 1 must hold, but trials={trials}")
        if believe < 0 or seeds < 1:
            raise RecipeError(f"believe >= 0 and seeds >= 1 must hold, but believe={believe} and seeds={seeds}")
        if isinstance(method, str):
            methods.known(method)
        if trials is None and seconds is None:
            trials = 100
        return cls(trials, seconds, epochs, method, believe if seeds > 1 else 0, seeds, each)

    @property
    def name(self) -> str:
        """Of the method."""
        return self.method if isinstance(self.method, str) else type(self.method).__name__

    @property
    def sampler(self) -> bool:
        """Do trials come from a sampler of Optuna's?"""
        return not isinstance(self.method, str) or self.method in methods.OPTUNA

    @property
    def stages(self) -> int:
        """Into which the trials are cut."""
        return STAGES if self.method == "staged" else 1

    def sized(self, planned: list[int], spent: float) -> list[int]:
        """The sizes of all stages as far as they are known, one more than before at least, unless there is an end.

        Args:
            planned: those of the stages so far.
            spent: seconds so far.
        """
        room = math.inf if self.trials is None else self.trials - sum(planned)
        if room <= 0:
            return planned
        if self.seconds is None:
            return [*planned, *sizes(int(room), self.stages - len(planned) % self.stages)]
        count = int(min(self._next(planned, max(spent, 1e-6)), room))
        return [*planned, count] if count else planned

    def _next(self, planned: list[int], spent: float) -> int:
        """By the time that the trials so far took: as many again as fit into the stages that are left."""
        assert self.seconds is not None
        if not planned and self.each:
            rungs = len(ladder(self.epochs))
            fits = self.seconds / (self.each * rungs / KEEP ** (rungs - 1)) / 2
            return max(LEAST, min(FIRST, int(fits)))
        if not planned:
            return FIRST
        left = self.seconds * (1 - (BELIEF if self.believe else 0)) - spent
        count = int(sum(planned) / spent * left * 0.9 / max(1, STAGES - len(planned)))
        return 0 if len(planned) >= STAGES + 3 or count < LEAST else min(count, MOST)


@dataclass(frozen=True)
class Progress:
    """Where a search stands, for a live table.

    Attributes:
        stage, rung, until: which comparison is under way, and to which epoch it trains.
        lanes: trials of this stage still in the race; `ended` those of this rung that are done.
        done: trials that ended for good; `total` of them in all, None where only the time is given.
        dropped, broken: how many fell behind, and broke down.
        rate: trials per second so far; `left` seconds, None when unknown.
        box: of the stage, field -> (low, high).
        study: all that is known; its first ranked trial is the best so far.
        again: while the best are trained again, how many of how many trainings are over.
    """

    stage: int
    rung: int
    until: int
    lanes: int
    ended: int
    done: int
    total: int | None
    dropped: int
    broken: int
    rate: float
    left: float | None
    box: dict[str, Any]
    study: Study
    again: tuple[int, int] | None = None

    @classmethod
    def of(
        cls, study: Study, total: int | None, spent: float, left: float, *, stage: int, rung: int, until: int, lanes: int,
        ended: int, again: tuple[int, int] | None = None,
    ) -> Progress:  # fmt: skip
        """Counted from all trials; `left` seconds by the time budget, infinite without one."""
        done = [trial for trial in study.trials if trial.state != "running"]
        states = [trial.state for trial in done]
        rate = len(done) / max(spent, 1e-9)
        seconds: float | None = left
        if not math.isfinite(left):
            seconds = (total - len(done)) / rate if rate and total else None
        box = study.boxes[stage] if stage < len(study.boxes) else {}
        return cls(
            stage, rung, until, lanes, ended, len(done), total, states.count("dropped"), states.count("broken"), rate,
            seconds, box, study, again,
        )  # fmt: skip
