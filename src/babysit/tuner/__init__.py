"""Search: many edits drawn from a space, each trained, all judged, coarse to fine.

    study = babysit.search(data="digits", space=dict(lr=log(1e-5, 1), width=choice(32, 64, 128)), time="1m")
    study.best.params; print(study.table())

What is where: `space` what may change · `stages` where to draw next, `sampler` the same for Optuna · `job` the seam
to executors · `work` what a trial trains · `fleet` many at once (`batched`, `vmapped`, `solo` are its engines) ·
`processes`, `ray` elsewhere · `storage` what is kept · `searching` the verb, `driver` its inside.

**How to add an executor.** It maps a training over jobs, and keeps nothing between calls::

    class Mine:
        def map(self, train, jobs):          # -> Iterator[Outcome], in any order, as they end
            for job in jobs:
                yield train(job)             # train to the epoch job.until, from job.state where there is one
        def close(self): ...

    babysit.search(…, executor=Mine())

A rung is one such call: the search hands in the jobs of a rung, each with the state it stands at, drops the losers by
what comes back, and hands the winners in again with a higher `until`. So an executor needs no memory, any
worker can go on with any trial, and what a killed worker held costs one rung.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .space import Dimension, Space, choice, integers, log, uniform, usual

if TYPE_CHECKING:
    from .job import Executor, Job, Outcome
    from .searching import search

__all__ = [
    "Dimension",
    "Executor",
    "Job",
    "Outcome",
    "Space",
    "choice",
    "integers",
    "log",
    "search",
    "uniform",
    "usual",
]

_LATER = {"search": "searching", "Executor": "job", "Job": "job", "Outcome": "job"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        module = importlib.import_module(f".{_LATER[name]}", __name__)
        value = getattr(module, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
