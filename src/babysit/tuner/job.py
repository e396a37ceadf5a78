"""The seam: what a search hands to an executor, and what comes back.

A rung of a search is one `map` over jobs. A job says how far to train and carries the state it stands at; an outcome
carries the whole curve so far and the new state. So nobody but the search remembers anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

BREAK = 3.0
"""A trial is broken off when its cost passes so many times its own first cost (CS231n, babysitting)."""
JUDGED_FROM = 2
"""No trial is judged before so many epochs: the rank correlation of epoch 1 with the end is 0.04."""


@dataclass(frozen=True)
class Job:
    """Train one trial on one fold with one seed, to the end of epoch `until`.

    Attributes:
        trial: its number in the study.
        params: the edit that it is.
        until: the epoch to stop after, counted from 1.
        epochs: what the learning rate schedule spans.
        fold, seed: what else decides it; `seed` counts from 0 and is added to the recipe's own.
        state: where it stands, as an outcome gave it; None starts anew.
    """

    trial: int
    params: dict[str, Any]
    until: int
    epochs: int
    fold: int = 0
    seed: int = 0
    state: Any = None

    @property
    def key(self) -> tuple[int, int, int]:
        """(trial, fold, seed)."""
        return self.trial, self.fold, self.seed

    def told(self) -> Job:
        """The same without its state, to be sent back."""
        return replace(self, state=None)


@dataclass
class Outcome:
    """What a job came to.

    Attributes:
        job: without its state.
        costs: mean training loss of every epoch since the first; `losses` and `scores` of validation after each.
        first: the cost of the very first batch.
        broken: why it was broken off ("cost passed 3 x its first", "not finite", an error's words), else "".
        state: to go on from; None where it was broken off, or nothing can go on from here (an opaque training).
        seconds: that it took, its share of a fleet's.
    """

    job: Job
    costs: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    first: float = math.nan
    broken: str = ""
    failed: bool = False
    state: Any = None
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Trained so far."""
        return len(self.scores)


Train = Callable[[Job], Outcome]
"""Trains one job; `babysit.tuner.work.Work` is one that a fleet can also take many of at once."""


@runtime_checkable
class Executor(Protocol):
    """Maps a training over jobs: in this process, over processes, over a cluster."""

    def map(self, train: Train, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as they come, in any order, one for each job. Closing the iterator breaks off what is left."""
        ...

    def close(self) -> None:
        """Give back workers. Safe to call twice."""
        ...


def broken(costs: list[float], first: float) -> str:
    """Why a training is to be broken off now, "" if it isn't.

    Not finite: at once. More than three times the first cost: not before two epochs are over.

    Examples:
        >>> broken([2.3, 7.5], 2.3), broken([7.5], 2.3), broken([math.nan], 2.3)
        ('cost 7.5 passed 3 x its first 2.3', '', 'cost is not finite')
    """
    newest = costs[-1] if costs else first
    if not math.isfinite(newest):
        return "cost is not finite"
    if len(costs) >= JUDGED_FROM and newest > BREAK * max(first, 1e-12):
        return f"cost {newest:.3g} passed {BREAK:g} x its first {first:.3g}"
    return ""


class Serial:
    """One by one, here: works with any training, and is what all others are held against."""

    def map(self, train: Train, jobs: Iterable[Job]) -> Iterator[Outcome]:
        for job in jobs:
            yield train(job)

    def close(self) -> None:
        pass
