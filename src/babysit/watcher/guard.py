"""The one place where an error of ours is caught: it is recorded, and what raised it is switched off."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any


class Guard:
    """Calls parts of the watcher so that none of their errors reaches the script.

    Attributes:
        off: names of what was switched off.
    """

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self.off: set[str] = set()
        self._report = report

    def __call__(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        """`function(*args)`, or None when it fails or has failed before."""
        if name in self.off:
            return None
        try:
            return function(*args)
        except Exception as error:
            self.off.add(name)
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(place.filename)}:{place.lineno}"
            self._report(name, f"{type(error).__name__}: {error} ({where})")
            return None
