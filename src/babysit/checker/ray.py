"""Tries of a cure on a Ray cluster: each one task on one processor, with the same lazy orders as forks here.

A task forks the program from its worker, as a cure here does, so that a program that dies takes only its try with it.
The nodes must see the script's path and its data.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from .attempt import Attempt, Order, Program, run_all
from .cluster import join


class Ray:
    """Runs tries on a cluster; `Ray(address).runs` is what `cure(runs=…)` wants.

    Args:
        address: "auto" joins the cluster of this machine (or starts one here), else "ray://…" or "host:port".

    Raises:
        MissingExtra: ray isn't installed.
        OutputError: no cluster answers there.
    """

    def __init__(self, address: str = "auto") -> None:
        self._ray, self._ours = join(address)
        ray = self._ray
        self._lost = (ray.exceptions.RayTaskError, ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError)

    @property
    def jobs(self) -> int:
        """Processors of the cluster."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def runs(
        self, program: Program, orders: Iterable[Order], *, jobs: int = 1, until: float = float("inf")
    ) -> Iterator[tuple[Order, Attempt]]:
        """As `attempt.run_all`, spread over the cluster; `jobs` counts only where the cluster is smaller."""
        ray = self._ray
        task = ray.remote(num_cpus=1, max_retries=1)(_perform)
        shared = ray.put(program)
        waiting, busy, more = iter(orders), {}, True
        room = max(jobs, self.jobs)
        try:
            while more or busy:
                while more and len(busy) < room:
                    left = until - time.monotonic()
                    order = next(waiting, None) if left > 0 else None
                    if order is None:
                        more = False
                        break
                    cut = replace(order, seconds=min(order.seconds, left))
                    busy[task.remote(shared, cut)] = order
                if not busy:
                    return
                done, _ = ray.wait(list(busy), timeout=1.0)
                for reference in done:
                    yield busy.pop(reference), self._read(reference)
        finally:
            for reference in busy:
                with contextlib.suppress(Exception):
                    ray.cancel(reference, force=True)

    def _read(self, reference: Any) -> Attempt:
        try:
            return self._ray.get(reference)
        except self._lost as error:
            return Attempt(failed=f"its worker was lost ({type(error).__name__})", ended="failed")

    def close(self) -> None:
        """Let the cluster go, where it was started here. Safe to call twice."""
        if self._ours and self._ray.is_initialized():
            self._ray.shutdown()


def _perform(program: Any, order: Order) -> Attempt:
    """On a node: one order, in a fork of the worker."""
    return next((found for _, found in run_all(program, [order], jobs=1)), Attempt(failed="it did not start"))
