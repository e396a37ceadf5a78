"""Where readings also go: one file = one tracker that a team already uses.

A sink is chosen by a word, `NAME` or `NAME:TARGET` (a folder, a file, a project): `babysit watch --sink tensorboard train.py`,
`watch(sinks=["wandb:my-project"])`. The run's own record is written all the same. Sinks are written to by a thread of
their own; one that is slow loses readings and one that fails is left out, each said at the end, and no training waits.

To add one: a file here (or an entry point "babysit.sinks") with

    @sink("FILE")
    def lines(target, title):
        '''One line for each observed step.'''
        return an object with write(step, readings) and close()

`target` is what stood behind the colon ("" when nothing did), `title` the run's name; `readings` maps a name such as
"update.ratio/layers.3.weight" to a number. Needs no torch; what a tracker needs is imported in its function.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..record.run import Key
from ..registry import member

WAITING = 10_000
"""Steps that may wait for slow sinks; what comes beyond is not handed on."""


class Writer(Protocol):
    """An open sink."""

    def write(self, step: int, readings: Mapping[str, float]) -> None:
        """The readings of one step."""

    def close(self) -> None:
        """Everything is where it belongs after this."""


@dataclass(frozen=True)
class Sink:
    """A tracker: `sink(target, title)` opens it.

    Attributes:
        name: as it is chosen.
        target: what may stand behind the colon, in a word.
    """

    name: str
    function: Callable[[str, str], Writer]
    target: str

    def __call__(self, target: str, title: str) -> Writer:
        return self.function(target, title)


def sink(target: str) -> Callable[[Callable[[str, str], Writer]], Sink]:
    """Make a sink of a function; its name is the function's."""

    def make(function: Callable[[str, str], Writer]) -> Sink:
        made = Sink(function.__name__, function, target)
        object.__setattr__(made, "__doc__", function.__doc__)
        return made

    return make


def opened(choices: Iterable[str], title: str) -> Sinks:
    """The chosen sinks, open.

    Raises:
        RecipeError: there is no such sink.
        MissingExtra: the tracker's package isn't installed.
    """
    writers: dict[str, Writer] = {}
    for choice in choices:
        name, _, target = choice.partition(":")
        writers[choice] = member("babysit.sinks", Sink, name)(target, title)  # type: ignore[operator]
    return Sinks(writers)


class Sinks:
    """Several open sinks behind one queue and one thread.

    Attributes:
        failed: by choice, why a sink was left out.
        lost: steps that were not handed on, because the sinks were too slow.
    """

    def __init__(self, writers: Mapping[str, Writer]) -> None:
        self.failed: dict[str, str] = {}
        self.lost = 0
        self._writers = dict(writers)
        self._queue: queue.Queue[tuple[int, dict[Key, float]] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name="babysit-sinks", daemon=True) if writers else None
        if self._thread is not None:
            self._thread.start()

    def write(self, step: int, readings: Mapping[Key, float]) -> None:
        """Hand over the readings of one step; never waits."""
        if self._thread is None:
            return
        try:
            self._queue.put_nowait((step, dict(readings)))
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Write what waits and close; safe to call twice."""
        if self._thread is None:
            return
        self._queue.put(None)
        self._thread.join()
        self._thread = None
        for choice, writer in list(self._writers.items()):
            self._try(choice, writer.close)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            step, readings = item
            named = {f"{what}/{where}" if where else what: value for (what, where), value in readings.items()}
            for choice, writer in list(self._writers.items()):
                self._try(choice, lambda writer=writer, step=step, named=named: writer.write(step, named))

    def _try(self, choice: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # somebody else's tracker must not end a training: it is left out, and said
            self.failed[choice] = f"{type(error).__name__}: {error}"
            self._writers.pop(choice, None)
