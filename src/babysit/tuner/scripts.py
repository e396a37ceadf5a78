"""Somebody's unchanged training script as what a trial trains: its fields edited while it runs, each run in a fork."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import RecipeError, TrainingError
from .job import Job, Outcome
from .opaque import resampled

if TYPE_CHECKING:
    from ..checker.attempt import Attempt


class ScriptTraining:
    """Trains a script with an edit; `babysit.search(train=…)` takes it.

    The script is run once as it is, to know how many steps a full training has and that it can be scored at all. A rung
    then is a share of those steps; a script can't be taken up where it was laid down, so each rung begins anew.

    Args:
        path: of the script; `arguments` its command line.
        jobs: runs side by side.
    """

    takes_edit = True

    def __init__(self, path: str, arguments: Sequence[str] = (), jobs: int | None = None) -> None:
        from ..checker.program import Script
        from .result import cores

        self.program, self.jobs = Script(path, tuple(arguments)), jobs or cores()
        self.program.check()
        self.ignored: set[str] = set()
        self.recipe: Any = None
        self.task = "classification"
        self.notes: list[str] = []
        self.deadline: float | None = None
        self._steps: int | None = None
        self._seconds, self._told = 0.0, False

    def __call__(self, job: Job) -> Outcome:
        """One run."""
        return next(iter(self.map(self, [job])))

    @property
    def seconds(self) -> float:
        """That a full training took."""
        self._whole()
        return self._seconds

    # it is its own executor: runs are forks, side by side

    def map(self, train: Any, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as runs end."""
        from ..checker.attempt import Order, run_all

        jobs = list(jobs)
        total = self._whole()
        if jobs and not self._told:
            self._told = True
            self.notes.append(f"an epoch stands for one {jobs[0].epochs}th of the script's {total} steps")
        until = math.inf if self.deadline is None else self.deadline
        made = [Order(dict(job.params), job.seed, max(1, round(total * job.until / job.epochs)), 1e6) for job in jobs]
        by_order = {id(order): job for order, job in zip(made, jobs, strict=True)}
        for order, attempt in run_all(self.program, made, jobs=self.jobs, until=until):
            yield self._outcome(by_order[id(order)], attempt)

    def close(self) -> None:
        pass

    def _whole(self) -> int:
        """The steps of the script as it is."""
        if self._steps is None:
            from ..checker.attempt import Order, run_all

            self.program.warm()
            (_, first), *_ = run_all(self.program, [Order(seconds=1e6)], jobs=1)
            if first.failed:
                raise TrainingError(f"the script must run as it is, but it fails: {first.failed}")
            if not first.steps or math.isnan(first.score):
                raise RecipeError(
                    "the script must train with a PyTorch optimizer and a loss that can be seen, but no step was seen"
                )
            self._steps, self._seconds = first.steps, first.seconds
            self.notes.append(f"the script as it is: {first.kind} {first.score:.4f} after {first.steps} steps")
        return self._steps

    def _outcome(self, job: Job, attempt: Attempt) -> Outcome:
        self.ignored |= set(attempt.idle)
        if attempt.failed:
            return Outcome(job.told(), broken=attempt.failed, failed=True, seconds=attempt.seconds)
        scores = [score for _, score in attempt.curve] or [attempt.score]
        scores[-1] = attempt.score if math.isfinite(attempt.score) else scores[-1]
        scores = resampled(scores, job.until)
        why = "" if scores and math.isfinite(scores[-1]) else "cost is not finite"
        nothing = [math.nan] * len(scores)
        return Outcome(job.told(), nothing, nothing, scores, math.nan, why, seconds=attempt.seconds)


def training_of(path: str, arguments: Sequence[str] = (), jobs: int | None = None) -> ScriptTraining:
    """The training of a script."""
    return ScriptTraining(path, arguments, jobs)
