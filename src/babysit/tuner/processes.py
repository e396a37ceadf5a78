"""One process per core: what the lock of one Python can't stand in the way of, and what crashes alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from ..errors import TrainingError
from .cohorts import cut, packed, run, unpacked
from .job import Job, Outcome, Train
from .result import cores

if TYPE_CHECKING:
    import torch

PROOF = 5.0
"""Processor seconds that a new worker may need for its first product."""
GONE = 5.0
"""Seconds that threads have to be gone for good."""
DEATHS = 3
"""A cohort whose worker died so often is given up."""


class Processes:
    """Spreads cohorts over processes of this machine.

    Args:
        workers: by default one per core.
        engine: as of a fleet; each process measures for itself.
        most: jobs that are handed over at once.

    Attributes:
        deadline: of `time.monotonic`: no epoch begins after it.
        notes: what was chosen and what died, in sentences.
    """

    def __init__(self, workers: int | None = None, engine: str = "auto", most: int = 256) -> None:
        self.workers, self.engine, self.most = workers or cores(), engine, most
        self.deadline: float | None = None
        self.notes: list[str] = []
        self._pool: ProcessPoolExecutor | None = None
        self._sent: Any = None

    def map(self, train: Train, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as cohorts end. A worker that dies costs its cohort this rung."""
        waiting = [(cohort, 0) for cohort in cut(train, list(jobs), self.workers, self.most)]
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
                    self._hear(notes)
                    yield from outcomes
            finally:
                if not all(future.done() for future in began):
                    self.close()  # broken off: nobody waits for what is under way
            if waiting:
                self._pool = None
                self.notes.append(f"a worker process died: {sum(len(one) for one, _ in waiting)} jobs train again")
                if max(died for _, died in waiting) >= DEATHS:
                    raise TrainingError(f"worker processes must live, but they died {DEATHS} times on the same trials")

    def close(self) -> None:
        """End the workers, whatever they do. Safe to call twice."""
        if self._pool is not None:
            workers = list((self._pool._processes or {}).values())
            results = getattr(self._pool, "_result_queue", None)
            self._pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()
            _end(results, workers)
            self._pool = None

    def _hear(self, notes: list[str]) -> None:
        """Take over what a worker says; each measures for itself, but one sentence of each engine is enough."""
        told = {note.partition(",")[0] for note in self.notes}
        self.notes.extend(note for note in notes if note.partition(",")[0] not in told)

    def _submit(self, train: Train, cohorts: list[tuple[list[Job], int]]) -> dict[Future[bytes], tuple[list[Job], int]]:
        """Hand cohorts to the pool; one that broke since the last rung is made anew."""
        try:
            pool = self._ready(train)
            return {pool.submit(_cohort, packed(one), self.deadline): (one, died) for one, died in cohorts}
        except BrokenProcessPool:
            self._pool = None
            self.notes.append("a worker process died between two rungs: nothing was lost")
            pool = self._ready(train)
            return {pool.submit(_cohort, packed(one), self.deadline): (one, died) for one, died in cohorts}

    def _ready(self, train: Train) -> ProcessPoolExecutor:
        if self._pool is None or self._sent is not train:
            self.close()
            context, handed = _context(train)
            self._pool = ProcessPoolExecutor(self.workers, context, initializer=_begin, initargs=(handed, self.engine))
            self._sent = train
        return self._pool


def _end(results: Any, workers: list[Any]) -> None:
    """Close the pipe of results: the pool's thread may wait for the rest of one that was half written, for ever.

    It ends when nobody can write to it any more, this process included.
    """
    for worker in workers:
        worker.join(5)
    if hasattr(results, "_writer"):
        results._writer.close()


def _completed(futures: dict[Future[bytes], Any]) -> Iterator[Future[bytes]]:
    left = set(futures)
    while left:
        done, left = wait(left, return_when=FIRST_COMPLETED)
        yield from done


def forks(device: torch.device | None) -> bool:
    """Can workers be forks? Not where a GPU is at work, which no fork survives."""
    return sys.platform == "linux" and (device is None or device.type == "cpu")


def ended(threads: Sequence[threading.Thread]) -> None:
    """Wait for threads, and until the system has none of them: one that is only just ending can hold a lock of the
    mathematical libraries, which a fork would inherit locked."""
    for one in threads:
        one.join()
    ids = {str(one.native_id) for one in threads}
    until = time.monotonic() + GONE
    while sys.platform == "linux" and time.monotonic() < until and ids & set(os.listdir("/proc/self/task")):
        time.sleep(0.001)


def _context(train: Train) -> tuple[Any, Any]:
    """How workers begin, and what they are handed.

    Forks begin at once, with the data in memory already, and without running the caller's script anew.
    """
    if forks(getattr(train, "device", None)):
        return multiprocessing.get_context("fork"), train
    return multiprocessing.get_context("spawn"), packed(train)


class _Held:
    """What a worker process holds between cohorts."""

    work: Any = None
    fleet: Any = None


def _begin(work: Any, engine: str) -> None:
    import signal

    import torch

    from .fleet import Fleet

    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    _prove()
    _Held.work = unpacked(work) if isinstance(work, bytes) else work
    _Held.fleet = Fleet(engine, threads=1)
    threading.Thread(target=_outlive_nobody, args=(os.getppid(),), daemon=True).start()


def _prove() -> None:
    """End here, by a signal, if multiplying hangs: a lock of the library that some other thread held at the fork stays
    locked for good."""
    import signal

    import torch

    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_VIRTUAL, PROOF)
    torch.ones(64, 64) @ torch.ones(64, 64)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _outlive_nobody(parent: int) -> None:
    """A worker whose search was killed ends too."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _cohort(jobs: bytes, deadline: float | None) -> bytes:
    return packed(run(_Held.fleet, _Held.work, unpacked(jobs), deadline))
