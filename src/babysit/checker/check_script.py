"""A script that is checked: its first steps run unchanged in a process of its own, then the checks on copies.

What the script prints stays in that process; nobody answers its questions; nothing it does to itself reaches us.
The outcomes come back one by one as they are known.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ..checks import Check, Outcome
from ..errors import TrainingError
from .attempt import Enough
from .captured.asking import Asking
from .captured.recording import Recorder
from .captured.subject import Subject
from .check import TIME, ask, from_plain, to_plain

WAIT = 60.0
"""Seconds that a script may take to its first steps, unless told otherwise."""

Program = Callable[[], None]


class ScriptFailed(TrainingError):
    """The script ended by its own error, or never trained; the text is its own."""


def check_script(
    program: Program, checks: Sequence[Check], seconds: float = TIME, wait: float = WAIT
) -> Iterator[Outcome]:
    """Run a program to its first steps, then put checks to what was taken down; outcomes come as they are known.

    Args:
        program: runs the training (a `Script`).
        seconds: for the checks.
        wait: for the program to come to its first steps.

    Raises:
        ScriptFailed: it crashed by itself, asked for input, ended or waited without training.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    out, into = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(out)
            os.setpgid(0, 0)
            _work(program, checks, seconds, wait, into)
            code = 0
        finally:
            os._exit(code)
    os.close(into)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    try:
        for message in _messages(out, time.monotonic() + wait + 2 * seconds + 15):
            if "failed" in message:
                raise ScriptFailed(message["failed"])
            yield from_plain(message)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        os.close(out)
        os.waitpid(child, 0)


def _messages(pipe: int, until: float) -> Iterator[dict[str, Any]]:
    """The lines of JSON that come through a pipe."""
    heard, ended = b"", False
    selector = selectors.DefaultSelector()
    selector.register(pipe, selectors.EVENT_READ)
    try:
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise ScriptFailed("the script could not be stopped in time; its process was ended")
            if not selector.select(timeout=min(left, 1.0)):
                continue
            part = os.read(pipe, 1 << 16)
            if not part:
                if not ended:
                    raise ScriptFailed("the script's process was ended from outside (out of memory, or by itself)")
                return
            heard += part
            *lines, heard = heard.split(b"\n")
            for one in lines:
                message = json.loads(one)
                if message.get("end"):
                    ended = True
                else:
                    yield message
    finally:
        selector.close()


# in the script's process


def _work(program: Program, checks: Sequence[Check], seconds: float, wait: float, into: int) -> None:
    printed = _detach()
    with os.fdopen(into, "wb", buffering=0) as pipe:

        def tell(message: dict[str, Any]) -> None:
            pipe.write(json.dumps(message, default=str).encode() + b"\n")

        with Recorder(wait=min(3.0, 0.3 * seconds)) as recorder:
            failed = _run(program, wait, recorder.subject)
        subject = recorder.subject
        if not subject.recorded and not subject.problem and not failed:
            failed = _NEVER_TRAINED
        if failed:
            tell({"failed": failed + _tail(printed)})
        else:
            torch.set_grad_enabled(True)
            for outcome in ask(Asking(subject), checks, seconds):
                tell(to_plain(outcome))
        tell({"end": True})


def _run(program: Program, wait: float, subject: Subject) -> str:
    """Run it until enough was seen; gives what went wrong, "" when nothing did."""

    def time_is_up(number: int, frame: object) -> None:
        raise Enough("time")

    signal.signal(signal.SIGALRM, time_is_up)
    signal.setitimer(signal.ITIMER_REAL, wait)
    try:
        program()
    except Enough as why:
        if str(why) == "time" and not subject.backwards:
            return f"the script did not come to its first training step within {wait:g} s; give it more with --wait"
    except EOFError as error:
        return f"the script asks for input, which nobody can give here\n{_own(error)}"
    except SystemExit as exit:
        if exit.code not in (None, 0) and not subject.backwards:
            return f"the script exited with {exit.code} before it trained"
    except BaseException as error:
        return f"the script ended by an error of its own\n{_own(error)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


_NEVER_TRAINED = (
    "the script ended without training: no backward pass ran (is the training behind an option, or in another process?)"
)


def _own(error: BaseException) -> str:
    """The script's own traceback, without our frames."""
    here = str(Path(__file__).parent.parent)
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(here)]
    text = [
        "Traceback (most recent call last):\n",
        *traceback.format_list(frames),
        *traceback.format_exception_only(error),
    ]
    return "".join(text).rstrip()


def _detach() -> int:
    """Nothing of the script's own reaches the terminal, and nobody answers it; gives the file it prints to."""
    null = os.open(os.devnull, os.O_RDWR)
    quiet = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
    printed = os.dup(quiet.fileno())
    os.dup2(null, 0)
    os.dup2(quiet.fileno(), 1)
    os.dup2(quiet.fileno(), 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return printed


def _tail(printed: int, most: int = 1200) -> str:
    """The end of what the script printed."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    size = os.fstat(printed).st_size
    text = os.pread(printed, most, max(0, size - most)).decode(errors="replace").strip()
    return f"\nit printed at last:\n{text}" if text else ""
