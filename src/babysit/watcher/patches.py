"""Functions and hooks of PyTorch that are replaced while something is watched, and put back after it."""

from __future__ import annotations

import contextlib
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

    def replace(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Any]) -> None:
        """Let `owner.name` be `make(original)`; nothing happens where it has no such name."""
        original = getattr(owner, name, None)
        if original is None:
            return
        inherited = name not in vars(owner)
        ours = make(original)
        setattr(owner, name, ours)
        row = (owner, name, original, ours, inherited)
        self._replaced.append(row)
        self._undo.append(lambda: _put_back(*row))

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

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Functions (not hooks) are the original ones inside: for what reads their source, as TorchScript does."""
        rows = [row for row in self._replaced if vars(row[0]).get(row[1]) is row[3]]
        for row in reversed(rows):
            _put_back(*row)
        try:
            yield
        finally:
            for owner, name, _, ours, _ in rows:
                setattr(owner, name, ours)


def _put_back(owner: Any, name: str, original: Any, ours: Any, inherited: bool) -> None:
    if vars(owner).get(name) is not ours:
        return
    if inherited:
        delattr(owner, name)
    else:
        setattr(owner, name, original)
