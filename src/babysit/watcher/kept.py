"""Graphs that are kept: what a training holds on to after its backward, step after step.

A mark is put into the autograd graph of an observed forward, at the node that made the model's output. It lives as
long as that node does: as long as somebody holds the output, the loss, a sum of losses, or anything made of them.
"""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor

MOST = 128
NAME = "babysit"


class _Mark:
    __slots__ = ("__weakref__",)


Held = weakref.ref[_Mark]


class Kept:
    """Marks by the step at which they were put."""

    def __init__(self) -> None:
        self._marks: list[tuple[int, Held]] = []

    def add(self, step: int, mark: Held | None) -> None:
        """A step with this mark was trained on."""
        if mark is not None:
            self._marks.append((step, mark))
            if len(self._marks) > MOST:
                del self._marks[1::2]

    def count(self, step: int) -> tuple[int, int]:
        """(graphs of steps before the previous one that are still there, marks of such steps)."""
        old = [mark for at, mark in self._marks if at < step - 1]
        return sum(mark() is not None for mark in old), len(old)


def marked(x: Tensor) -> Held | None:
    """Put a mark at the node that made `x`; None where it has none."""
    node = x.grad_fn
    if node is None:
        return None
    mark = _Mark()
    node.metadata[NAME] = mark
    return weakref.ref(mark)


def is_at(node: Any, mark: Held) -> bool:
    """Was this mark put at this node of the autograd graph?"""
    own = mark()
    return own is not None and node.metadata.get(NAME) is own
