"""Many claims at once, over the machine's cores; each comes out the same as alone."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from ._claim import Claim
from ._material import Material
from ._verdict import Verdict


@dataclass(frozen=True)
class Order:
    """What is to be measured: data as a recipe names it, seeds, quick or not."""

    place: str = "digits"
    target: str | None = None
    seeds: int = 5
    quick: bool = False


@dataclass(frozen=True)
class Failed:
    """A claim that couldn't be measured on these data."""

    id: str
    error: Exception


def measure(names: Sequence[str], order: Order, *, workers: int | None = None) -> Iterator[Verdict | Failed]:
    """Verdicts as they come, in any order.

    Args:
        workers: processes; by default one a core, two at most (each holds PyTorch and the data). 1 measures in this one.
    """
    workers = min(workers or min(2, os.cpu_count() or 1), len(names))
    if workers <= 1:
        for name in names:
            yield one(name, order)
        return
    from . import claims

    known = claims()
    names = sorted(names, key=lambda name: not known[name].heavy)
    context, others = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        with _deaf():
            futures = [pool.submit(one, name, order) for name in names]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:  # an interrupt doesn't wait for what is being measured
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        finally:
            for future in futures:
                future.cancel()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes started meanwhile hear no interrupt: the one that started them does, and ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def one(name: str, order: Order) -> Verdict | Failed:
    """One claim, here."""
    from . import find

    claim: Claim = find(name)
    try:
        return claim(_material(order.place, order.target), seeds=order.seeds, quick=order.quick)
    except Exception as error:  # one claim that these data don't suit must not cost the others
        return Failed(name, error)


_material: Callable[[str, str | None], Material] = functools.lru_cache(maxsize=1)(
    lambda place, target: Material(place, target=target)
)
