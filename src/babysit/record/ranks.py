"""Processes that train one model together (DDP): what each saw of its own share of the data, made one record.

Weights, updates and the gradients that an optimizer gets are the same in all of them. What is worked out from a process's
own examples is not: a loss is the mean over all, a unit that one of them sees alive is alive. Every process keeps a
record of its own, and nothing is sent: a collective call of ours could make a training wait for ever.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .run import Run, Series

AT_ONCE = ("loss.", "accuracy.", "r2.", "recall.")
"""Readings of single steps: merged only where all were read at the same step."""
MEAN = (*AT_ONCE, "activation.", "output.", "target.", "predicted.", "errors.", "batch.mean", "batch.std")
LOWEST = ("activation.dead", "activation.zeros", "recall.min", "batch.min", "target.min")
HIGHEST = ("batch.max", "target.max", "batch.seen_before", "batch_val.overlap")
SUM = ("batch.size",)
WAIT = 3.0
"""Seconds that the first process waits at its end for the others to end."""


def merged(runs: Sequence[Run]) -> Run:
    """One run of several processes: the first one's, with what depends on the examples taken over all.

    Args:
        runs: of the processes 0, 1 …

    Examples:
        >>> first = Run.of({"loss.train": [2.0, 1.0], "activation.dead": {"relu": [0.0, 0.5]}, "batch.size": [32.0, 32.0]})
        >>> other = Run.of({"loss.train": [4.0, 2.0], "activation.dead": {"relu": [0.0, 0.1]}, "batch.size": [32.0, 32.0]})
        >>> both = merged([first, other])
        >>> [both.series(what, where).values.tolist() for what, where in (("loss.train", ""), ("activation.dead", "relu"), ("batch.size", ""))]
        [[3.0, 1.5], [0.0, 0.1], [64.0, 64.0]]
        >>> both.fact("ranks")
        2
    """
    first, others = runs[0], runs[1:]
    whole = Run()
    for name in ("folder", "seconds", "begun", "written"):
        setattr(whole, name, getattr(first, name))
    for what in first.whats():
        join = _join(what)
        for where, series in first.each(what):
            beside = [] if join is None else [_at(one.series(what, where), series.steps, what) for one in others]
            rows = np.stack([series.values, *beside])
            whole.extend((what, where), series.steps, series.values if join is None else join(rows))
    for (what, where), kept in first.arrays():
        for step, values in kept:
            whole.add_vector(step, what, where, values)
    for event in first.events:
        whole.add_event(event)
    for run in (*reversed(others), first):  # where they disagree the first one's counts
        for name, value in run.facts.items():
            whole.set_fact(name, value)
    whole.set_fact("ranks", len(runs))
    whole.step = max(run.step for run in runs)
    return whole


def _join(what: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """How the values of several processes become one, (R, T) -> (T,); NaN where a process has none. None: they are the same in all."""
    if what in SUM:
        return lambda rows: np.nansum(rows, 0)
    if what in LOWEST:
        return lambda rows: np.fmin.reduce(rows, 0)
    if what in HIGHEST:
        return lambda rows: np.fmax.reduce(rows, 0)
    return _mean if what.startswith(MEAN) else None


def _mean(rows: np.ndarray) -> np.ndarray:
    there = ~np.isnan(rows)
    total = np.where(there, rows, 0.0).sum(0)
    return np.where(np.isnan(rows[0]), np.nan, total / np.maximum(there.sum(0), 1))


def _at(series: Series, steps: np.ndarray, what: str) -> np.ndarray:
    """The values at these steps; of what changes slowly the newest before, since each process looks when it has time."""
    if not len(series):
        return np.full(len(steps), np.nan)
    place = np.searchsorted(series.steps, steps, side="right") - 1
    values = np.where(place >= 0, series.values[np.maximum(place, 0)], np.nan)
    same = (place >= 0) & (series.steps[np.maximum(place, 0)] == steps)
    return np.where(same, values, np.nan) if what.startswith(AT_ONCE) else values


# where the processes of one node leave their records


def rank(environment: Mapping[str, str] = os.environ) -> int:
    """The number of this process among those that train together, as torchrun says it; 0 where there is only one."""
    text = environment.get("RANK", "0")
    return int(text) if text.isdigit() else 0


def meeting(runs: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder beside the runs where the processes of one training leave their records until it is over."""
    names = ("TORCHELASTIC_RUN_ID", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
    text = "-".join(environment.get(name, "0") for name in names)
    return runs / f".ranks-{''.join(letter if letter.isalnum() else '-' for letter in text)}"


def place(runs: Path, number: int) -> Path:
    """Where process `number` writes its record; what an older training left there is taken away."""
    folder = meeting(runs) / f"rank-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def gather(runs: Path, folder: Path, ended: Callable[[Path], bool], *, wait: float = WAIT) -> int:
    """Bring the other processes' records into the first one's folder, once they have ended; how many there are.

    Args:
        runs: where the runs lie.
        folder: the first process's.
        ended: has the run in this folder ended?
        wait: seconds at most.
    """
    count = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1
    limit = time.monotonic() + wait
    while True:
        there = sorted(meeting(runs).glob("rank-*"))
        if (len(there) >= count and all(map(ended, there))) or time.monotonic() > limit:
            break
        time.sleep(0.05)
    for one in there:
        shutil.rmtree(folder / one.name, ignore_errors=True)
        with contextlib.suppress(OSError):
            one.rename(folder / one.name)
    shutil.rmtree(meeting(runs), ignore_errors=True)
    return len(list(folder.glob("rank-*")))


def beside(folder: Path) -> list[Path]:
    """The records of the other processes in a run's folder, by number."""
    found: list[Any] = [one for one in folder.glob("rank-*") if one.name[5:].isdigit()]
    return sorted(found, key=lambda one: int(one.name[5:]))
