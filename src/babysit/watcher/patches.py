"""Functions and hooks of PyTorch that are replaced while something is watched, and put back after it."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from typing import Any


class Patches:
    """What was replaced, in order; `undo` takes it back, newest first. Safe to undo twice.

    A function that somebody else has replaced in the meantime is left to him: ours then only
    passes calls through.
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []
        self._replaced: list[tuple[Any, str, Any, Any, bool]] = []
        self._light: list[tuple[Any, str, Any, Any, bool]] = []
        self._entered: list[tuple[Any, str, Any, Any, types.CodeType]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Any], *, light: bool = False) -> None:
        """Let `owner.name` be `make(original)`; nothing happens where it has no such name.

        A light one is there only between `wake` and `sleep`.
        """
        original = getattr(owner, name, None)
        if original is None:
            return
        inherited = name not in vars(owner)
        ours = make(original)
        setattr(owner, name, ours)
        row = (owner, name, original, ours, inherited)
        (self._light if light else self._replaced).append(row)
        self._undo.append(lambda: _put_back(*row))

    def wake(self) -> None:
        """Put the light ones in."""
        for owner, name, original, ours, inherited in self._light:
            if vars(owner).get(name) is (None if inherited else original):
                setattr(owner, name, ours)
        for row in self._entered:
            _swap_in(*row)

    def sleep(self) -> None:
        """Take the light ones out."""
        for row in reversed(self._entered):
            _swap_out(*row)
        for row in reversed(self._light):
            _put_back(*row)

    def enter(self, function: types.FunctionType, make: Callable[[Callable[..., Any]], Any]) -> None:
        """Let the code of a plain function be `make(original)`: the object stays the same.

        So it is also heard where somebody has imported it by name before, and pickles as ever. It is a
        light one (see `replace`).
        """
        original = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        original.__kwdefaults__ = function.__kwdefaults__
        name = f"_babysit_{function.__name__}"
        if function.__closure__ or name in function.__globals__:
            return
        source = f"def {function.__name__}(*args, **kwargs):\n    return {name}(*args, **kwargs)\n"
        space: dict[str, Any] = {}
        exec(compile(source, __file__, "exec"), space)
        row = (function, name, original, make(original), space[function.__name__].__code__)
        _swap_in(*row)
        self._entered.append(row)
        self._undo.append(lambda: _swap_out(*row))

    def add(self, handle: Any) -> None:
        """A hook's handle, to be removed at the end."""
        self._undo.append(handle.remove)

    def later(self, undo: Callable[[], object]) -> None:
        """Call `undo()` at the end."""
        self._undo.append(undo)

    def undo(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()
        self._replaced.clear()
        self._entered.clear()
        self._light.clear()

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Functions (not hooks) are the original ones inside: for what reads their source, as TorchScript does."""
        rows = [row for row in [*self._replaced, *self._light] if vars(row[0]).get(row[1]) is row[3]]
        entered = [one for one in self._entered if one[0].__code__ is one[4]]
        for one in entered:
            _swap_out(*one)
        for row in reversed(rows):
            _put_back(*row)
        try:
            yield
        finally:
            for owner, name, _, ours, _ in rows:
                setattr(owner, name, ours)
            for one in entered:
                _swap_in(*one)


def _swap_in(function: Any, name: str, original: Any, ears: Any, code: types.CodeType) -> None:
    function.__globals__[name] = ears
    function.__code__, function.__defaults__, function.__kwdefaults__ = code, None, None
    function.__wrapped__ = original  # its signature and source are shown as ever


def _swap_out(function: Any, name: str, original: Any, ears: Any, code: types.CodeType) -> None:
    if function.__code__ is not code:
        return
    function.__code__ = original.__code__
    function.__defaults__, function.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
    del function.__wrapped__
    function.__globals__.pop(name, None)


def _put_back(owner: Any, name: str, original: Any, ours: Any, inherited: bool) -> None:
    if vars(owner).get(name) is not ours:
        return
    if inherited:
        delattr(owner, name)
    else:
        setattr(owner, name, original)
