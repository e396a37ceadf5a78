"""Where in the user's own code a call comes from."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

import torch

_INSIDE = tuple(
    os.path.dirname(os.path.abspath(path)) + os.sep
    for path in (torch.__file__, os.path.dirname(os.path.abspath(__file__)))
)


class Sources:
    """Finds "file:line" of the user's code; remembers which code is whose."""

    def __init__(self) -> None:
        self._foreign: dict[CodeType, bool] = {}

    def is_users(self, code: CodeType) -> bool:
        """Is it neither PyTorch's, nor ours, nor a library's?"""
        known = self._foreign.get(code)
        if known is None:
            name = code.co_filename
            known = name.startswith("<frozen") or name.startswith(_INSIDE) or f"{os.sep}contextlib.py" in name
            self._foreign[code] = known
        return not known

    def frame(self, depth: int = 1) -> FrameType | None:
        """The innermost frame of code that is neither PyTorch's nor ours."""
        frame: FrameType | None = sys._getframe(depth)
        while frame is not None and not self.is_users(frame.f_code):
            frame = frame.f_back
        return frame

    def here(self, depth: int = 1) -> str | None:
        """ "file:line" of the innermost call from the user's code; a library's line only where no other is."""
        first = frame = self.frame(depth + 1)
        while frame is not None and f"{os.sep}site-packages{os.sep}" in frame.f_code.co_filename:
            frame = frame.f_back
            while frame is not None and not self.is_users(frame.f_code):
                frame = frame.f_back
        best = frame or first
        if best is None or _is_launcher(best):
            best = first
        return None if best is None else f"{_short(best.f_code.co_filename)}:{best.f_lineno}"


def _is_launcher(frame: FrameType) -> bool:
    return frame.f_code.co_filename.endswith(("runpy.py", f"{os.sep}bin{os.sep}babysit"))


def _short(path: str) -> str:
    """Relative to the working folder where it lies inside."""
    if path.startswith("<"):
        return path
    try:
        here = os.getcwd() + os.sep
    except OSError:
        return path
    return path[len(here) :] if path.startswith(here) else path
