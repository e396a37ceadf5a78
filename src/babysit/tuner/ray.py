"""A Ray cluster: cohorts of dozens to hundreds of trials per task, on core actors, one per device.

Ray core alone is used, not Ray Tune, whose overhead is over a second per trial. The data lie once in the object store. A node that
dies costs its cohort one rung: the search holds every state that a rung begins with.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any

from ..checker.cluster import join
from ..errors import TrainingError
from .cohorts import cut, packed, run, unpacked
from .job import Job, Outcome, Train

DEATHS = 4


class Ray:
    """Spreads cohorts over the actors of a cluster.

    Args:
        address: "auto" joins the cluster of this machine (or starts one here), else "ray://…" or "host:port".
        engine: as of a fleet; each actor measures for itself.
        actors: by default one per GPU, or per CPU where there is none.

    Raises:
        MissingExtra: ray isn't installed.
        OutputError: no cluster answers there.
    """

    def __init__(self, address: str = "auto", engine: str = "auto", actors: int | None = None) -> None:
        self._ray, self._ours = join(address)
        ray, self.engine, self._asked = self._ray, engine, actors
        self.deadline: float | None = None
        self.notes: list[str] = []
        self._lost = (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError, ray.exceptions.NodeDiedError)
        self._actors: dict[Any, None] = {}
        self._coming: dict[Any, Any] = {}
        self._work: tuple[Train, Any] | None = None

    def map(self, train: Train, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as cohorts end; what a dead node held trains this rung again elsewhere."""
        ray = self._ray
        self._share(train)
        waiting = [(cohort, 0) for cohort in cut(train, list(jobs), self._want())]
        busy: dict[Any, tuple[Any, list[Job], int]] = {}
        try:
            while waiting or busy:
                self._fill()
                taken = {actor for actor, _, _ in busy.values()}
                free = [actor for actor in self._actors if actor not in taken]
                while waiting and free:
                    cohort, died = waiting.pop(0)
                    actor = free.pop()
                    busy[actor.run.remote(packed(cohort), self._left())] = (actor, cohort, died)
                done, _ = ray.wait([*busy, *self._coming], timeout=5.0)
                for reference in done:
                    if reference in self._coming:
                        self._came(reference)
                        continue
                    actor, cohort, died = busy.pop(reference)
                    try:
                        outcomes, notes = unpacked(ray.get(reference))
                    except self._lost:
                        self._actors.pop(actor, None)
                        self._died(len(cohort), died + 1)
                        waiting.append((cohort, died + 1))
                        continue
                    self.notes.extend(note for note in notes if note not in self.notes)
                    yield from outcomes
        finally:
            for actor, _, _ in busy.values():
                with contextlib.suppress(Exception):
                    ray.kill(actor)
                self._actors.pop(actor, None)

    def close(self) -> None:
        """Let the actors go, and the cluster where it was started here. Safe to call twice."""
        self._dismiss()
        if self._ours and self._ray.is_initialized():
            self._ray.shutdown()

    def _share(self, train: Train) -> None:
        if self._work is None or self._work[0] is not train:
            self._dismiss()
            self._work = (train, self._ray.put(packed(train)))

    def _want(self) -> int:
        if self._asked:
            return self._asked
        there = self._ray.cluster_resources()
        return max(1, int(there.get("GPU", 0) or there.get("CPU", 1)))

    def _fill(self) -> None:
        """Ask for as many actors as the cluster has devices now; they get work once they answer, so one that can't be
        placed (a node has just gone) holds nothing up."""
        assert self._work is not None
        device = {"num_gpus": 1, "num_cpus": 0} if self._ray.cluster_resources().get("GPU") else {"num_cpus": 1}
        while len(self._actors) + len(self._coming) < self._want():
            made = self._ray.remote(**device)(_Actor).remote(self._work[1], self.engine)
            self._coming[made.here.remote()] = made

    def _came(self, reference: Any) -> None:
        """An actor answers, or never will."""
        actor = self._coming.pop(reference)
        try:
            self._ray.get(reference)
        except self._lost:
            return
        self._actors[actor] = None

    def _dismiss(self) -> None:
        for actor in [*self._actors, *self._coming.values()]:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        self._actors, self._coming = {}, {}

    def _died(self, count: int, times: int) -> None:
        self.notes.append(f"a Ray worker died: {count} jobs train this rung again")
        if times >= DEATHS:
            raise TrainingError(f"Ray workers must live, but they died {DEATHS} times on the same trials")

    def _left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()


class _Actor:
    """A worker that holds the training between cohorts."""

    def __init__(self, work: bytes, engine: str) -> None:
        import torch

        from .fleet import Fleet

        torch.set_num_threads(1)
        self.work, self.fleet = unpacked(work), Fleet(engine, threads=1)

    def here(self) -> bool:
        return True

    def run(self, jobs: bytes, left: float | None) -> bytes:
        """A cohort."""
        deadline = None if left is None else time.monotonic() + left
        return packed(run(self.fleet, self.work, unpacked(jobs), deadline))
