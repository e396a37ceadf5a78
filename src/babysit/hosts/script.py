"""Somebody's unchanged script, run as Python would run it, watched, and edited live where an edit is asked for.

`run_script("train.py", ["--epochs", "5"])` sets `sys.argv`, `sys.path[0]` and `__main__` as `python train.py --epochs 5`
does; a failing script keeps its exit code and its traceback, without any of our frames in it.

An edit is applied to the whole run by `hosts.edits.applied`; see there for its moments.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import os
import runpy
import signal
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import RecipeError
from ..record import Run

_HERE = str(Path(__file__).resolve().parent.parent) + os.sep


@dataclass
class Outcome:
    """How a script ended.

    Attributes:
        code: its exit code; 130 when it was interrupted.
        ended: "finished", "exit", "error", "interrupted", or "stopped" (by us: hopeless, or enough steps).
        reason: why it was stopped, or the error in one line.
        error: what it raised, None when it ended by itself.
        run: the record.
        idle: fields of the edit that met nothing to act on.
    """

    code: int = 0
    ended: str = "finished"
    reason: str = ""
    error: BaseException | None = None
    run: Run = field(default_factory=Run)
    idle: Sequence[str] = ()

    @property
    def failed(self) -> bool:
        """Did the script itself fail?"""
        return self.ended in ("error", "interrupted") or (self.ended == "exit" and self.code != 0)


def run_script(
    path: str,
    args: Sequence[str] = (),
    *,
    module: bool = False,
    edit: Mapping[str, Any] | None = None,
    watcher: Any = None,
    budget_steps: int | None = None,
    report: bool = True,
) -> Outcome:
    """Run a script, or with `module` a module as `python -m` does, watched.

    Args:
        path: of the script (a folder with a `__main__.py` too), or a module's name.
        args: its arguments.
        edit: changes to apply live, such as {"lr": "*0.1"}.
        watcher: a `watch` that is not yet entered; None makes one.
        budget_steps: end it after so many optimizer steps.
        report: print the traceback of a failing script, as Python does.

    Raises:
        RecipeError: there is no such script, or it isn't Python, or the edit can't be applied.
    """
    from ..watcher import Stop, watch
    from ..watcher.watching import how_ended

    watcher = watcher if watcher is not None else watch(steps=budget_steps)
    outcome = Outcome(run=watcher.run)
    with contextlib.ExitStack() as stack:
        program = _module(path, args) if module else _script(path, args)
        stack.enter_context(_as_main(program))
        with watcher:
            stage = stack.enter_context(_applied(edit)) if edit else None
            raised: BaseException | None = None
            try:
                exec(_rewritten(program, stage), program.main.__dict__)
            except Stop as stop:
                outcome.ended, outcome.reason, raised = "stopped", stop.reason, stop
            except SystemExit as error:
                outcome.ended, outcome.error, outcome.code = "exit", error, _exit_code(error)
            except KeyboardInterrupt as error:
                outcome.ended, outcome.error, outcome.code = "interrupted", error, 128 + signal.SIGINT
            except BaseException as error:  # whatever it raises is the script's own
                outcome.ended, outcome.error, outcome.code = "error", error, 1
                outcome.reason = f"{type(error).__name__}: {error}"
            watcher.close(**how_ended(raised or outcome.error))
        if report and outcome.ended in ("error", "interrupted"):
            print_error(outcome.error)
        if stage is not None:
            outcome.idle = stage.idle
    return outcome


# how Python starts a program


@dataclass
class _Program:
    main: types.ModuleType
    code: types.CodeType
    argv: list[str]
    first_path: str
    source: bytes | None = None


def _script(path: str, args: Sequence[str]) -> _Program:
    folder = os.path.isdir(path)
    file = os.path.abspath(os.path.join(path, "__main__.py") if folder else path)
    try:
        source = Path(file).read_bytes()
    except OSError as error:
        raise RecipeError(
            f"the script must be a file that can be read, but {path}: {error.strerror or error}"
        ) from None
    main = types.ModuleType("__main__")
    main.__file__ = file
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", file)
    main.__builtins__ = sys.modules["builtins"]  # type: ignore[attr-defined]
    main.__dict__["__cached__"] = None
    code = _compiled(source, file)
    first = path if folder else os.path.dirname(os.path.realpath(file))
    return _Program(main, code, [path, *args], first, source)


def _module(name: str, args: Sequence[str]) -> _Program:
    first = os.getcwd()
    sys.path.insert(0, first)
    try:
        full, spec, code = runpy._get_module_details(name)  # type: ignore[attr-defined]
    except ImportError as error:
        raise RecipeError(f"the module must be there and runnable, but {error}") from None
    finally:
        sys.path.remove(first)
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __file__=spec.origin, __cached__=spec.cached, __loader__=spec.loader, __package__=spec.parent, __spec__=spec,
        __builtins__=sys.modules["builtins"],
    )  # fmt: skip
    return _Program(main, code, [spec.origin or full, *args], first)


def _compiled(source: bytes, file: str) -> types.CodeType:
    try:
        return compile(source, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        print_error(error)
        failed = NotPython(f"{file} is not a Python script")
        raise failed from None
    except ValueError as error:
        raise NotPython(f"{file} is not a Python script: {error}") from None


class NotPython(RecipeError):
    """What was to be run is no Python program."""

    exit_code = 1


def _rewritten(program: _Program, stage: Any) -> types.CodeType:
    rewrite = getattr(stage, "rewrite", None)
    if rewrite is None or program.source is None:
        return program.code
    import ast

    file = program.main.__file__ or "<script>"
    return compile(rewrite(ast.parse(program.source, file)), file, "exec", dont_inherit=True)


@contextlib.contextmanager
def _as_main(program: _Program) -> Iterator[None]:
    """`sys.argv`, `sys.path[0]` and `__main__` are the script's; all is put back at the end."""
    argv, path, main = sys.argv, list(sys.path), sys.modules.get("__main__")
    sys.argv = list(program.argv)
    sys.path[:1] = [program.first_path]  # what stands there is where our own command was started
    sys.modules["__main__"] = program.main
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, path
        if main is not None:
            sys.modules["__main__"] = main


@contextlib.contextmanager
def _applied(edit: Mapping[str, Any]) -> Iterator[Any]:
    from .edits import applied

    with applied(edit) as stage:
        yield stage


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


# its traceback


def print_error(error: BaseException | None) -> None:
    """Print an exception as Python does at the end of a program, with none of our frames in it."""
    if error is None:
        return
    without_ours(error)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    sys.excepthook(type(error), error, error.__traceback__)


def without_ours(error: BaseException) -> BaseException:
    """Take our frames out of the tracebacks of an exception and of what caused it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        frames = []
        trace = one.__traceback__
        while trace is not None:
            if not _is_ours(trace.tb_frame.f_code.co_filename):
                frames.append(trace)
            trace = trace.tb_next
        linked = None
        for frame in reversed(frames):
            frame.tb_next = linked  # not a new traceback: it wants a line, and an interrupted one may have none
            linked = frame
        one.__traceback__ = linked
        waiting += [one.__cause__, one.__context__]
        waiting += list(getattr(one, "exceptions", ()))
    return error


def _is_ours(file: str) -> bool:
    return file.startswith(_HERE) and (f"{os.sep}watcher{os.sep}" in file or f"{os.sep}hosts{os.sep}" in file)
