"""One program, run once in a process of its own, with an edit and a seed, and measured.

The process is forked from one that has PyTorch loaded, so that a try costs the training and nothing
else. What the program prints goes to a file; its standard input is empty; it ends when its steps or its
time are spent, or when it clearly loses against the unedited run.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ..hosts.edits import applied
from ..hosts.edits.stage import Stage
from .score import Score
from .seeds import shifted

Program = Callable[[Callable[[Any], Any] | None], None]
"""Runs the user's training to its end; its argument, where not None, rewrites a script's syntax tree."""


TIMER, ALARM = signal.ITIMER_REAL, signal.SIGALRM
"""What ends a run whose time is over: wall time (a bench on a busy machine sets the processor's)."""

Curve = tuple[tuple[int, float], ...]
"""(step, score) of a run, step by step."""
GRACE = 5.0
"""Seconds that a run whose time is over has for ending by itself."""
LATE = frozenset(("patience", "val_mode", "val_preprocess", "schedule"))
"""Fields that act only once something is held out, or the rate changes."""


class Enough(BaseException):
    """Raised inside the program when its budget is spent; not an Exception, so that programs don't catch it."""


@dataclass(frozen=True)
class Order:
    """One run that is wanted.

    Attributes:
        edit: the fields to change; {} leaves the program as it is.
        seed: offset of all seeds.
        steps: optimizer steps at most; None runs to the end.
        seconds: wall time at most.
        beat: (step, score) of the unedited run with this seed: a run far below it at half time is ended.
        best: (step, score) of the best edit so far: a run far below that is ended too.
        balanced: score by mean recall over the classes.
        record: a folder that the run, watched, is written to.
    """

    edit: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    steps: int | None = None
    seconds: float = 60.0
    beat: Curve = ()
    best: Curve = ()
    balanced: bool = False
    record: str | None = None


@dataclass
class Attempt:
    """What came of an order.

    Attributes:
        score: higher is better; NaN when there was none to take.
        kind: what the score is, in words.
        idle: fields of the edit that met nothing to change.
        failed: the program's own error, in a line; "" when it ran. `traceback` is the whole of it.
        ended: "end", "steps", "time", "lost", "idle" or "failed".
        wrote: files that it opened for writing.
        printed: the last line that it printed.
    """

    score: float = math.nan
    kind: str = ""
    steps: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    failed: str = ""
    traceback: str = ""
    ended: str = ""
    wrote: list[str] = field(default_factory=list)
    printed: str = ""

    @property
    def usable(self) -> bool:
        """Did it train, and did every field of its edit do something?"""
        return bool(self.steps) and not self.idle and not self.failed and not math.isnan(self.score)


def run_all(
    program: Program, orders: Iterable[Order], *, jobs: int = 2, until: float = math.inf
) -> Iterator[tuple[Order, Attempt]]:
    """Run orders side by side, each in a fork; yields each as it ends. None is begun after `until` (monotonic time).

    An order is asked for when there is room for it, so that it may depend on what came of those before.
    """
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # its first use loads a second's worth of code
    waiting, more = iter(orders), True
    running: dict[int, tuple[Order, int, float]] = {}
    heard: dict[int, bytes] = {}
    selector = selectors.DefaultSelector()
    try:
        while more or running:
            while more and len(running) < jobs:
                left = until - time.monotonic()
                order = next(waiting, None) if left > 0 else None
                if order is None:
                    more = False
                    break
                allowed = min(order.seconds, left)
                pipe, child = _fork(program, replace(order, seconds=allowed))
                running[pipe] = (order, child, time.monotonic() + allowed + GRACE)
                heard[pipe] = b""
                selector.register(pipe, selectors.EVENT_READ)
            if not running:
                return
            for key, _ in selector.select(timeout=0.1):
                part = os.read(key.fd, 1 << 16)
                heard[key.fd] += part
                if not part:
                    order, child, _ = running.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    os.waitpid(child, 0)
                    yield order, _read(heard.pop(key.fd))
            now = time.monotonic()
            for _, child, limit in running.values():
                if now > limit:  # stuck in something that no signal reaches
                    _kill(child)
    finally:
        for pipe, (_, child, _) in running.items():
            _kill(child)
            os.close(pipe)
            os.waitpid(child, 0)
        selector.close()


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _read(text: bytes) -> Attempt:
    try:
        return Attempt(**json.loads(text))
    except ValueError:
        return Attempt(failed="its process was ended from outside (out of memory, or over its time)", ended="failed")


def _fork(program: Program, order: Order) -> tuple[int, int]:
    """Start one run; gives the pipe its result will come through, and the process."""
    sys.stdout.flush()
    sys.stderr.flush()
    out, into = os.pipe()
    child = os.fork()
    if child:
        os.close(into)
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        return out, child
    code = 1
    try:
        os.close(out)
        os.setpgid(0, 0)
        _detach()
        found = perform(program, order)
        with os.fdopen(into, "wb") as pipe:
            pipe.write(json.dumps(asdict(found)).encode())
        code = 0
    finally:
        os._exit(code)


def _detach() -> None:
    """Nothing of the program's own reaches the terminal, and nobody answers it."""
    null = os.open(os.devnull, os.O_RDWR)
    said, complained = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
    os.dup2(null, 0)
    os.dup2(said.fileno(), 1)
    os.dup2(complained.fileno(), 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def perform(program: Program, order: Order) -> Attempt:
    """Run an order in this process."""
    began = time.perf_counter()
    found = Attempt(ended="end")
    found.wrote = _note_writes()
    with _watching(order.record), Stage() as stage, shifted(order.seed):
        score = Score(stage, balanced=order.balanced)
        stage.after_step(lambda optimizer: _watch_budget(stage, edit, score, order))
        signal.signal(ALARM, _time_is_up)
        signal.setitimer(TIMER, max(0.1, order.seconds))
        edit: Stage | None = None
        with contextlib.ExitStack() as edits:
            try:
                edit = edits.enter_context(applied(order.edit))
                program(edit.rewrite)
            except Enough as why:
                found.ended = str(why)
            except SystemExit as exit:
                if exit.code not in (None, 0):
                    found.failed, found.ended = f"it exited with {exit.code}", "failed"
            except BaseException as error:
                found.failed, found.ended = _last_line(error), "failed"
                found.traceback = _own_traceback(error)
            finally:
                signal.setitimer(TIMER, 0)
            found.idle = edit.idle if edit is not None else []
        found.score, found.kind, found.curve = score.value, score.kind, score.curve
        found.steps = stage.steps
    found.seconds = time.perf_counter() - began
    found.wrote = sorted(set(found.wrote))[:20]
    found.printed = _last_printed()
    return found


def _watching(folder: str | None) -> contextlib.AbstractContextManager[Any]:
    """Watched from outside of everything of ours, so that the watcher hears PyTorch itself."""
    if folder is None:
        return contextlib.nullcontext()
    from ..watcher import watch

    return watch(out=folder, overhead=0.1)


def _watch_budget(stage: Stage, edit: Stage | None, score: Score, order: Order) -> None:
    if order.steps is not None and stage.steps >= order.steps:
        raise Enough("steps")
    if not order.beat or stage.steps % 20:
        return
    if edit is not None and stage.steps >= max(20, order.beat[-1][0] / 10) and not set(edit.idle) <= LATE:
        raise Enough("idle")
    if loses(stage.steps, score.value, order.beat, order.best):
        raise Enough("lost")


def loses(step: int, value: float, beat: Curve, best: Curve = ()) -> bool:
    """Has a run no chance any more?

    Past half of the unedited run's steps it has none far (5 points) below the unedited run, or below the
    best edit so far, as they were there; past a quarter, none very far (30 points) below that best edit.
    """
    share = step / beat[-1][0]
    if share < 0.25 or math.isnan(value):
        return False
    limits = [_there(step, best) - 0.3]
    if share >= 0.5:
        limits += [_there(step, beat) - 0.05, _there(step, best) - 0.05]
    return any(value < limit for limit in limits)


def _there(step: int, curve: Curve) -> float:
    """A curve's value at a step."""
    before = [score for at, score in curve if at <= step and math.isfinite(score)]
    return before[-1] if before else -math.inf


def _time_is_up(number: int, frame: object) -> None:
    raise Enough("time")


def _last_line(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)
    own = [f for f in place if "babysit" not in f.filename and "importlib" not in f.filename]
    where = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{where}".strip()[:300]


def _last_printed() -> str:
    """The last line on standard output, where that is a file (as in a fork of ours)."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        size = os.fstat(1).st_size
        tail = os.pread(1, min(size, 4096), max(0, size - 4096)).decode(errors="replace").strip()
        return tail.rpartition("\n")[2][:300]
    return ""


def _own_traceback(error: BaseException) -> str:
    """The traceback as Python prints it, without our own frames at its top."""
    lines = traceback.TracebackException.from_exception(error)
    lines.stack = traceback.StackSummary.from_list(
        [frame for frame in lines.stack if f"{os.sep}babysit{os.sep}" not in frame.filename]
    )
    return "".join(lines.format())


def _note_writes() -> list[str]:
    """Files that the program opens for writing from now on (it is warned about: a try repeats its side effects)."""
    wrote: list[str] = []

    here, passing = os.getcwd(), ("/dev", "/proc", tempfile.gettempdir())

    def listen(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and len(args) >= 3 and isinstance(args[0], str) and isinstance(args[2], int):
            path = os.path.abspath(args[0])
            if args[2] & (os.O_WRONLY | os.O_RDWR) and (path.startswith(here) or not path.startswith(passing)):
                wrote.append(args[0])

    sys.addaudithook(listen)
    return wrote
