"""A fleet: many trials at once in one process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .job import Job, Outcome, Train


class Fleet:
    """In this process."""

    def __init__(self, engine: str = "auto", threads: int | None = None) -> None:
        self.deadline: float | None = None
        self.notes: list[str] = []

    def map(self, train: Train, jobs: Iterable[Job]) -> Iterator[Outcome]:
        for job in jobs:
            yield train(job)

    def close(self) -> None:
        pass
