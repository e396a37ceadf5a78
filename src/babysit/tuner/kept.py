"""A study's file while the search runs, so that a page shows the trials as they come."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .result import Searched

EVERY = 1.0
"""Seconds between two writings, at least;"""
SHARE = 0.01
"""and writing takes no more than this share of the time."""


class Kept:
    """Writes the study whenever something came and the last writing is long enough ago. Never raises."""

    def __init__(self, study: Searched, folder: Path) -> None:
        self.study, self.path = study, folder / "study.json"
        self._next = 0.0

    def __call__(self, *_: Any) -> None:
        """Something came: a trial ended, or some epochs passed."""
        began = time.monotonic()
        if began < self._next:
            return
        with contextlib.suppress(OSError, OutputError):  # the search's own last writing tells of it
            self.study.save(self.path)
        now = time.monotonic()
        self._next = now + max(EVERY, (now - began) / SHARE)
