"""Jobs cut into cohorts that are sent elsewhere as a whole: dozens to hundreds of trials per message, not one."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import RecipeError
from .job import Job, Outcome
from .state import State

if TYPE_CHECKING:
    from .fleet import Fleet


def cut(train: Any, jobs: Sequence[Job], workers: int, most: int = 256) -> list[list[Job]]:
    """Cohorts of jobs that can train together, about two for each worker, none larger than `most`."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        groups.setdefault(_key(train, job), []).append(job)
    size = max(1, min(most, -(-len(jobs) // max(1, 2 * workers))))
    found = [mine[start : start + size] for mine in groups.values() for start in range(0, len(mine), size)]
    return sorted(found, key=len, reverse=True)


def _key(train: Any, job: Job) -> Any:
    """Equal for jobs that can train together; what can't be built is told where it is to be trained."""
    try:
        return train.design(job).key if hasattr(train, "design") else None
    except RecipeError as error:
        return str(error)


def packed(value: Any) -> bytes:
    """Anything as bytes, a lambda too."""
    try:
        import cloudpickle
    except ImportError:  # joblib before 1.6 brings its own
        from joblib.externals import cloudpickle  # type: ignore[no-redef]

    return cloudpickle.dumps(value)


def unpacked(data: bytes) -> Any:
    """What `packed` packed."""
    return pickle.loads(data)


def compact(outcome: Outcome) -> Outcome:
    """An outcome whose state holds its own lane alone (a view would drag the whole cohort along), and none at the end."""
    state = outcome.state
    if outcome.epochs >= outcome.job.epochs:
        outcome.state = None  # nothing goes on from there: a large network is larger than all that is told of it
    elif isinstance(state, State):
        outcome.state = replace(
            state, tensors={name: one.detach().cpu().clone() for name, one in state.tensors.items()}
        )
    return outcome


def run(fleet: Fleet, train: Any, jobs: list[Job], deadline: float | None) -> tuple[list[Outcome], list[str]]:
    """A cohort, in a worker, by its fleet (of one thread), which remembers what it measured."""
    fleet.deadline = deadline
    return [compact(outcome) for outcome in fleet.map(train, jobs)], fleet.notes
