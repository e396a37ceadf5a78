"""Which engine is the fastest here, by measuring some steps of each that can be."""

from __future__ import annotations

import contextlib
import copy
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from ..nn.foreign import first_line
from .batched import Space
from .cohort import Cohort, Stacked
from .design import Design
from .job import Job
from .processes import ended
from .stack import recognise

if TYPE_CHECKING:
    from .work import Work

CACHE = 1 << 20
"""Bytes of one layer's values of all lanes that still lie in a core's cache."""
MOST = {"cpu": 64, "cuda": 1024}
"""Lanes of one cohort at most."""
STEPS = 3
CLOSE = 2.5
"""One by one is looked at again where it is slower by less than so many times: processes can make up for that."""
WORDS = {"batched": "batched", "vmap": "vmap", "solo": "one by one"}


@dataclass
class Choice:
    """An engine for a design.

    Attributes:
        engine: "batched", "vmap", "solo".
        width: lanes at once.
        program: makes what a cohort runs (one for each thread).
        seconds: that one lane's step takes.
        times: engine -> seconds of one lane's step, of all that were measured.
        troubles: why an engine can't be used, in sentences.
    """

    engine: str
    width: int
    program: Callable[[], Any]
    seconds: float
    times: dict[str, float] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    parameters: int = 0


def choose(work: Work, found: Design, job: Job, asked: str, lanes: int, threads: int = 1) -> Choice:
    """Measure and choose.

    Args:
        lanes: trials of this design that wait.
        threads: that a batched program would run in, beside as many processes for what goes one by one.

    Raises:
        TrainingError: an engine was asked for that can't train this network.
    """
    recipe = work.recipe_of(job)
    fold = work.fold(recipe, job.fold)
    example = fold.first(2)
    batch = min(recipe.batch, len(fold.y))
    options: dict[str, Choice] = {}
    troubles: list[str] = []
    layers = None
    if not fold.whole and asked in ("batched", "vmap"):
        raise TrainingError(
            f"engine={asked} needs examples in memory that stay as they are, but {fold.why_not}; use auto"
        )
    if not fold.whole:
        asked, troubles = "solo", [f"{fold.why_not}: the networks are trained one by one"]
    if asked in ("auto", "batched"):
        layers = recognise(copy.deepcopy(found.module), example)
    width = wide(found.module, batch, work.device.type)
    if layers is not None:
        made = lambda: Stacked(layers, found.module, Space(work.device))  # noqa: E731
        options["batched"] = Choice("batched", width, made, math.nan)
    elif asked == "batched":
        raise TrainingError(
            "engine=batched needs a stack of linear layers, activations, dropout and batch norm; use auto"
        )
    if asked == "vmap" or (asked == "auto" and layers is None):
        trouble = _vmap(work, found, example, width, options)
        if trouble and asked == "vmap":
            raise TrainingError(f"{trouble}; use engine=auto")
        troubles.extend([trouble] if trouble else [])
    if asked == "solo" or (asked == "auto" and (layers is None or not options)):
        options["solo"] = Choice("solo", 1, lambda: None, math.nan)
    if asked == "auto" and layers is not None:
        options["solo"] = Choice("solo", 1, lambda: None, math.nan)
    for choice in list(options.values()):
        try:
            choice.seconds = _measure(work, found, job, choice, lanes, batch)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            if isinstance(error, torch.OutOfMemoryError) or len(options) == 1:
                raise
            del options[choice.engine]
            troubles.append(f"vmap can't take this network: {_trouble(error)}")
    best = min(options.values(), key=lambda choice: choice.seconds)
    alone = options.get("solo")
    if alone is not None and best is not alone and threads > 1 and best.seconds * CLOSE > alone.seconds:
        best.seconds = _together(work, job, best, lanes, batch, threads)
        best = min(best, alone, key=lambda choice: choice.seconds)
    best.times = {name: choice.seconds for name, choice in options.items()}
    best.troubles, best.parameters = troubles, sum(one.numel() for one in found.module.parameters())
    return best


def _trouble(error: Exception) -> str:
    """Why, in words; PyTorch's own where nothing better is known."""
    said = str(error)
    if "data-dependent" in said or ".item()" in said:
        return "it decides by the value of a tensor (an if on it, or .item())"
    if "randomness" in said or "random operation" in said:
        return "it draws random numbers by itself"
    if "in-place" in said:
        return "it writes into a tensor in place"
    return first_line(error).rstrip(".")


def wide(module: nn.Module, batch: int, device: str) -> int:
    """Lanes whose values still lie in the cache, by the widest layer."""
    if device != "cpu":
        return MOST["cuda"]
    units = max([len(one) for one in module.parameters() if one.ndim >= 2] or [1])
    each = units * batch * 4
    return int(min(MOST["cpu"], max(4, CACHE // each)))


def _vmap(work: Work, found: Design, example: Tensor, width: int, options: dict[str, Choice]) -> str:
    from .vmapped import Vmapped

    try:
        Vmapped(found.module, example, work.loss, work.classes)
    except ValueError as error:
        return f"vmap can't take this network: {error}"
    made = lambda: Vmapped(found.module, example, work.loss, work.classes)  # noqa: E731
    options["vmap"] = Choice("vmap", width, made, math.nan)
    return ""


def _measure(work: Work, found: Design, job: Job, choice: Choice, lanes: int, batch: int) -> float:
    """Seconds of one lane's step."""
    if choice.engine == "solo":
        return _measure_solo(work, found, job, batch)
    width = min(_width(work, choice), lanes)
    cohort = Cohort(work, choice.program(), width)
    one = replace(job, state=None)
    short = _Short(work, one, batch, STEPS)
    return short.seconds(cohort, width)


def _together(work: Work, job: Job, choice: Choice, lanes: int, batch: int, threads: int) -> float:
    """Seconds of one lane's step while all threads are at it: they share one Python, as processes don't."""
    width = max(1, min(_width(work, choice), lanes // threads))
    at_once = threading.Barrier(threads)
    times: list[float] = []

    def measure() -> None:
        torch.set_num_threads(1)
        with contextlib.suppress(RuntimeError):  # out of memory, or another thread was: then it isn't chosen
            cohort = Cohort(work, choice.program(), width)
            times.append(_Short(work, replace(job, state=None), batch, STEPS).seconds(cohort, width, at_once))

    workers = [threading.Thread(target=measure) for _ in range(threads)]
    for worker in workers:
        worker.start()
    ended(workers)
    return max(times) if len(times) == threads else math.inf


def _width(work: Work, choice: Choice) -> int:
    """Lanes of a measurement: vmap's first steps are dear on a processor, and few lanes tell as much."""
    return min(choice.width, 8) if choice.engine == "vmap" and work.device.type == "cpu" else choice.width


class _Short:
    """A few steps of a cohort, on the first examples."""

    def __init__(self, work: Work, job: Job, batch: int, steps: int) -> None:
        self.work, self.job, self.batch, self.steps = work, job, batch, steps

    def seconds(self, cohort: Cohort, width: int, at_once: threading.Barrier | None = None) -> float:
        """The fastest step of one lane; `at_once` with others the mean one."""
        import numpy as np

        from .batched import Group
        from .cohort import Lane
        from .noise import Noise

        lanes = [Lane(self.work, replace(self.job, trial=-1 - n)) for n in range(width)]
        cohort._seat(lanes)
        fold = lanes[0].fold
        groups = [Group(0, width)]
        targets = cohort._targets([fold.y[: self.batch]], groups)
        cohort.update.numbers(
            np.full((self.steps + 1, width), 1e-6), np.zeros(width), cohort.momentum, cohort.decay, cohort.clip
        )
        noises = [[Noise(0, 1, index, cohort._place)] for index in range(len(cohort.rates))]
        times = []
        with torch.no_grad():
            for number in range(self.steps + 1):
                if at_once is not None and number == 1:
                    at_once.wait(timeout=60)
                began = time.perf_counter()
                cohort.program.train_step([fold.x[: self.batch]], targets, groups, noises)
                cohort.update.step(number)
                if self.work.device.type == "cuda":
                    torch.cuda.synchronize()
                times.append(time.perf_counter() - began)
        return (min(times[1:]) if at_once is None else sum(times[1:]) / self.steps) / width


def _measure_solo(work: Work, found: Design, job: Job, batch: int) -> float:
    """A step's forward and backward, and our own update of one lane in the place of PyTorch's, which costs about the
    same but whose first use takes a second: it isn't touched before one by one is chosen."""
    import numpy as np

    from ..trainer.criterion import criterion
    from .updates import Update

    recipe = work.recipe_of(job)
    fold = work.fold(recipe, job.fold)
    module = copy.deepcopy(found.module).requires_grad_(True).train()
    update = Update(recipe.optimizer, {name: one.shape for name, one in module.named_parameters()}, 1, work.device)
    one = np.ones(1)
    update.numbers(np.full((STEPS + 1, 1), 1e-6), one, one * 0.9, one * 0, one * math.inf)
    loss_of = criterion(recipe, work.task)
    times = []
    with torch.random.fork_rng(devices=[]):
        for number in range(STEPS + 1):
            began = time.perf_counter()
            x, y = next(fold.batches(torch.arange(batch), batch, 1, seed=0, epoch=number))
            loss_of(module(x), y).backward()
            with torch.no_grad():
                update.step(number)
            if work.device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
    return min(times[1:])


def summary(engine: str, choices: list[Choice], processes: int = 0) -> str:
    """What an engine was chosen for, and why, in one sentence; `processes` that go one by one."""
    sizes = sorted(choice.parameters for choice in choices)
    size = f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
    others = sorted({name for choice in choices for name in choice.times} - {engine})
    told = [_span([choice.times[engine] for choice in choices if engine in choice.times])]
    told += [
        f"{WORDS[name]} {_span([choice.times[name] for choice in choices if name in choice.times])}" for name in others
    ]
    lanes = f", up to {max(choice.width for choice in choices)} networks at once" if engine != "solo" else ""
    if engine == "solo" and processes:
        lanes = f" in {processes} processes"
    return f"{WORDS[engine]}{lanes}: a step of one takes {', '.join(told)} ({size} parameters)"


def _span(times: list[float]) -> str:
    """Seconds from the least to the most, in words.

    Examples:
        >>> _span([51.2e-6, 1.41e-3]), _span([51.2e-6, 442e-6]), _span([0.05])
        ('51 µs to 1.4 ms', '51 to 442 µs', '50 ms')
    """
    low, high = (_short(one) for one in (min(times, default=math.nan), max(times, default=math.nan)))
    if low == high:
        return low
    return f"{low.partition(' ')[0] if low.partition(' ')[2] == high.partition(' ')[2] else low} to {high}"


def _short(seconds: float) -> str:
    return (
        f"{seconds * 1e6:.0f} µs"
        if seconds < 1e-3
        else f"{seconds * 1e3:.2g} ms"
        if seconds < 1
        else f"{seconds:.2g} s"
    )
