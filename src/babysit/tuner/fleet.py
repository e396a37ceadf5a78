"""A fleet: many trials at once in one process, by whichever engine a measurement says is the fastest.

* batched: our own kernels over stacks (linear, activation, dropout, batch norm);
* vmap: any plain module, through `torch.func`;
* solo: one by one.

Batched programs run in as many threads as there are cores, one PyTorch thread each: kernels let go of Python's lock, and
nothing waits for a second OpenMP thread on a busy machine. What goes one by one is mostly Python, which only one thread runs
at a time: it goes to as many processes, where they can be forks.
"""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from ..errors import BabysitError, RecipeError, did_you_mean
from .cohort import Cohort, Stacked
from .job import Job, Outcome, Train
from .probe import WORDS, Choice, choose, summary
from .processes import Processes, ended, forks
from .result import cores
from .solo import steps_of, warm
from .work import Work

if TYPE_CHECKING:
    from .design import Design

WORTH = 0.3
"""Seconds of work one by one from which on processes are begun for it: they cost a tenth of that."""
HANDED = 0.2
"""Seconds of work that a process is handed at once, at least a job;"""
BEGUN = 0.02
"""what a job takes besides its steps: its network, its optimizer, its validation."""
ENGINES = ("auto", "batched", "vmap", "solo")


class Fleet:
    """An executor in this process.

    Args:
        engine: "auto" measures; "batched", "vmap", "solo" are taken where they can be.
        threads: by default one per core; 1 on a GPU.
        width: the most lanes of a cohort; by default what was measured as the best.

    Attributes:
        deadline: of `time.monotonic`: no epoch begins after it.
        notes: what was chosen and why, in sentences.
    """

    def __init__(self, engine: str = "auto", threads: int | None = None, width: int | None = None) -> None:
        if engine not in ENGINES:
            raise RecipeError(f"engine has no {engine!r}{did_you_mean(engine, ENGINES)}")
        self.engine, self.threads, self.width = engine, threads, width
        self.deadline: float | None = None
        self.notes: list[str] = []
        self._choices: dict[Any, Choice] = {}
        self._processes: Processes | None = None
        self._stop = threading.Event()

    def map(self, train: Train, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as lanes end; a training that is no `Work` goes one by one."""
        self._stop.clear()
        if not isinstance(train, Work):
            for job in jobs:
                if self._over():
                    return
                yield train(job)
            return
        jobs = list(jobs)
        with _one_thread(train):  # measured as it will run
            able, refused = _buildable(train, jobs)
            cohorts = self._cohorts(train, able)
        yield from refused
        if self._forked(train, cohorts):
            alone = [one for one in cohorts if one[0].engine == "solo"]
            cohorts = [one for one in cohorts if one[0].engine != "solo"]
        else:
            alone = []
        yield from self._run(train, cohorts)
        turn = {
            job.key: number for number, job in enumerate(jobs)
        }  # one trial's folds after another, not all trials' first
        yield from self._in_processes(train, [(one[0], job) for one in alone for job in one[2]], turn)

    def expected(self, work: Work, job: Job, lanes: int) -> float:
        """Seconds that each of so many trainings like this job takes, when all threads or processes are at it."""
        with _one_thread(work):
            found = work.design(job)
            fold = work.fold(work.recipe_of(job), job.fold)
            choice = self._choice(work, (found.key, len(fold.y), len(fold.val_y)), found, [job] * lanes)
        return _seconds(work, choice, job) / self._threads(work)

    def close(self) -> None:
        """Stop what runs, and end the processes. Safe to call twice."""
        self._stop.set()
        if self._processes is not None:
            self._processes.close()

    def _over(self) -> bool:
        return self._stop.is_set() or (self.deadline is not None and time.monotonic() >= self.deadline)

    # which trials go together

    def _cohorts(self, work: Work, jobs: list[Job]) -> list[tuple[Choice, Design | None, deque[Job]]]:
        """Jobs by design, cut so that all threads have something to do, longest first."""
        groups: dict[Any, list[Job]] = {}
        designs: dict[Any, Design] = {}
        for job in jobs:
            found = work.design(job)
            fold = work.fold(work.recipe_of(job), job.fold)
            key = (found.key, len(fold.y), len(fold.val_y))
            designs.setdefault(key, found)
            groups.setdefault(key, []).append(job)
        threads = self._threads(work)
        cohorts: list[tuple[Choice, Design | None, deque[Job]]] = []
        for key, mine in groups.items():
            choice = self._choice(work, key, designs[key], mine)
            mine.sort(key=lambda job: (job.state.epoch if job.state else 0, job.fold, job.seed))
            width = 1 if choice.engine == "solo" else self.width or choice.width
            parts = max(1, math.ceil(len(mine) / width))
            if threads > 1 and parts == 1 and len(mine) >= 2 * threads and len(mine) * threads > choice.width:
                parts = threads
            size = math.ceil(len(mine) / parts)
            for start in range(0, len(mine), size):
                cohorts.append((choice, designs[key], deque(mine[start : start + size])))
        cohorts.sort(key=lambda one: -one[0].seconds * len(one[2]))
        return cohorts

    def _choice(self, work: Work, key: Any, found: Design, jobs: list[Job]) -> Choice:
        if key not in self._choices:
            threads = self._threads(work) if forks(work.device) else 1
            choice = choose(work, found, jobs[0], self.engine, len(jobs), threads)
            self._choices[key] = choice
            self._tell()
        return self._choices[key]

    def _tell(self) -> None:
        """What was chosen and why: a sentence for each engine, and one for each trouble."""
        by: dict[str, list[Choice]] = {}
        for choice in self._choices.values():
            by.setdefault(choice.engine, []).append(choice)
        self.notes = [note for note in self.notes if not note.startswith(tuple(WORDS.values()))]
        processes = 0 if self._processes is None else self._processes.workers
        self.notes += [summary(engine, choices, processes) for engine, choices in sorted(by.items())]
        for trouble in (trouble for choice in self._choices.values() for trouble in choice.troubles):
            if trouble not in self.notes:
                self.notes.append(trouble)

    def _threads(self, work: Work) -> int:
        return 1 if work.device.type != "cpu" else max(1, self.threads or cores())

    # one by one, in processes

    def _forked(self, work: Work, cohorts: list[tuple[Choice, Design | None, deque[Job]]]) -> bool:
        """Is what goes one by one worth processes?"""
        alone = [(choice, job) for choice, _, jobs in cohorts if choice.engine == "solo" for job in jobs]
        if self._threads(work) < 2 or len(alone) < 2 or not forks(work.device):
            return False
        return self._processes is not None or sum(_seconds(work, *one) for one in alone) > WORTH

    def _in_processes(
        self, work: Work, alone: list[tuple[Choice, Job]], turn: dict[tuple[int, int, int], int]
    ) -> Iterator[Outcome]:
        if not alone or self._over():
            return
        if self._processes is None:
            warm()  # once, not once in every fork
            self._processes = Processes(self._threads(work), "solo")
            self._tell()
        each = BEGUN + sum(_seconds(work, *one) for one in alone) / len(alone)
        jobs = sorted((job for _, job in alone), key=lambda job: turn[job.key])
        self._processes.most = max(1, round(HANDED / each))
        self._processes.deadline = self.deadline
        known = len(self._processes.notes)
        yield from self._processes.map(work, jobs)
        self.notes += [note for note in self._processes.notes[known:] if not note.startswith(WORDS["solo"])]

    # running

    def _run(self, work: Work, cohorts: list[tuple[Choice, Design | None, deque[Job]]]) -> Iterator[Outcome]:
        threads = min(self._threads(work), len(cohorts))
        if not cohorts:
            return
        todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for cohort in cohorts:
            todo.put(cohort)
        if threads <= 1:
            with _one_thread(work):
                while not todo.empty() and not self._over():
                    yield from self._cohort(work, *todo.get())
            return
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        workers = [
            threading.Thread(target=self._work, args=(work, todo, done), name=f"babysit-fleet-{n}", daemon=True)
            for n in range(threads)
        ]
        for worker in workers:
            worker.start()
        left = threads
        try:
            while left:
                came = done.get()
                if came is None:
                    left -= 1
                elif isinstance(came, BaseException):
                    raise came
                else:
                    yield came
        finally:
            self._stop.set()
            ended(workers)

    def _work(self, work: Work, todo: queue.SimpleQueue[Any], done: queue.SimpleQueue[Any]) -> None:
        """A thread: cohort after cohort."""
        try:
            with _one_thread(work):
                while not self._over():
                    with contextlib.suppress(queue.Empty):
                        for outcome in self._cohort(work, *todo.get_nowait()):
                            done.put(outcome)
                        continue
                    break
        except BaseException as error:
            self._stop.set()
            done.put(error)
        finally:
            done.put(None)

    def _cohort(self, work: Work, choice: Choice, found: Design | None, jobs: deque[Job]) -> Iterator[Outcome]:
        if choice.engine == "solo" or found is None:
            while jobs and not self._over():
                yield _alone(work, jobs.popleft(), self._over)
            return
        width = self.width or choice.width
        waiting = deque(jobs)
        ended: set[tuple[int, int, int]] = set()
        while True:
            try:
                cohort = Cohort(work, choice.program(), width, self._over)
                for outcome in cohort.run(deque(job for job in waiting if job.key not in ended)):
                    ended.add(outcome.job.key)
                    yield outcome
                return
            except (torch.OutOfMemoryError, MemoryError) as error:
                if width == 1:
                    raise
                width = max(1, width // 2)
                choice.width = width
                self.notes.append(f"memory was short ({type(error).__name__}): going on with {width} lanes at once")
                if work.device.type == "cuda":
                    torch.cuda.empty_cache()


def _buildable(work: Work, jobs: Iterable[Job]) -> tuple[list[Job], list[Outcome]]:
    """The jobs whose network can be made and takes the examples, and what became of the others."""
    able, refused = [], []
    for job in jobs:
        try:
            work.design(job)
            able.append(job)
        except RecipeError as error:
            refused.append(Outcome(job.told(), broken=str(error), failed=True))
    return able, refused


def _alone(work: Work, job: Job, over: Any) -> Outcome:
    from .solo import train

    try:
        return train(work, job, over)
    except (BabysitError, KeyboardInterrupt):
        raise
    except Exception as error:
        return Outcome(job.told(), broken=f"{type(error).__name__}: {error}", failed=True)


def _seconds(work: Work, choice: Choice, job: Job) -> float:
    """About how long a job will take."""
    recipe = work.recipe_of(job)
    count = len(work.fold(recipe, job.fold).y)
    return (
        choice.seconds * steps_of(count, min(recipe.batch, count)) * (job.until - (job.state.epoch if job.state else 0))
    )


class _one_thread:
    """PyTorch's own threads down to one here, numbers too small to matter flushed to 0; as before afterwards."""

    def __init__(self, work: Work) -> None:
        self._here = work.device.type == "cpu"

    def __enter__(self) -> None:
        if self._here:
            self._threads = torch.get_num_threads()
            torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        if self._here:
            torch.set_num_threads(self._threads)


__all__ = ["ENGINES", "Fleet", "Stacked"]
