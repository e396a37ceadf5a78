"""One process per core: what the lock of one Python can't stand in the way of, and what crashes alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ..errors import TrainingError
from .cohorts import cut, packed, run, unpacked
from .job import Job, Outcome, Train
from .result import cores

DEATHS = 3
"""A cohort whose worker died so often is given up."""


class Processes:
    """Spreads cohorts over processes of this machine.

    Args:
        workers: by default one per core.
        engine: as of a fleet; each process measures for itself.

    Attributes:
        deadline: of `time.monotonic`: no epoch begins after it.
        notes: what was chosen and what died, in sentences.
    """

    def __init__(self, workers: int | None = None, engine: str = "auto") -> None:
        self.workers, self.engine = workers or cores(), engine
        self.deadline: float | None = None
        self.notes: list[str] = []
        self._pool: ProcessPoolExecutor | None = None
        self._sent: Any = None

    def map(self, train: Train, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as cohorts end. A worker that dies costs its cohort this rung."""
        waiting = [(cohort, 0) for cohort in cut(train, list(jobs), self.workers)]
        while waiting:
            began = self._submit(train, waiting)
            waiting = []
            try:
                for done in _completed(began):
                    cohort, died = began[done]
                    try:
                        outcomes, notes = unpacked(done.result())
                    except BrokenProcessPool:
                        waiting.append((cohort, died + 1))
                        continue
                    self.notes.extend(note for note in notes if note not in self.notes)
                    yield from outcomes
            finally:
                for future in began:
                    future.cancel()
            if waiting:
                self._pool = None
                self.notes.append(f"a worker process died: {sum(len(one) for one, _ in waiting)} jobs train again")
                if max(died for _, died in waiting) >= DEATHS:
                    raise TrainingError(f"worker processes must live, but they died {DEATHS} times on the same trials")

    def close(self) -> None:
        """End the workers. Safe to call twice."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _submit(self, train: Train, cohorts: list[tuple[list[Job], int]]) -> dict[Future[bytes], tuple[list[Job], int]]:
        """Hand cohorts to the pool; one that broke since the last rung is made anew."""
        try:
            pool = self._ready(train)
            return {pool.submit(_cohort, self.engine, packed(one), self._left()): (one, died) for one, died in cohorts}
        except BrokenProcessPool:
            self._pool = None
            self.notes.append("a worker process died between two rungs: nothing was lost")
            pool = self._ready(train)
            return {pool.submit(_cohort, self.engine, packed(one), self._left()): (one, died) for one, died in cohorts}

    def _ready(self, train: Train) -> ProcessPoolExecutor:
        if self._pool is None or self._sent is not train:
            self.close()
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, context, initializer=_begin, initargs=(packed(train),))
            self._sent = train
        return self._pool

    def _left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()


def _completed(futures: dict[Future[bytes], Any]) -> Iterator[Future[bytes]]:
    left = set(futures)
    while left:
        done, left = wait(left, return_when=FIRST_COMPLETED)
        yield from done


class _Held:
    """What a worker process holds between cohorts."""

    work: Any = None


def _begin(work: bytes) -> None:
    import signal

    import torch

    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    _Held.work = unpacked(work)


def _cohort(engine: str, jobs: bytes, left: float | None) -> bytes:
    deadline = None if left is None else time.monotonic() + left
    return packed(run(_Held.work, engine, unpacked(jobs), deadline))
