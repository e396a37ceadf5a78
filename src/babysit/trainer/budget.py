"""A time budget, split over the steps."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from time import perf_counter

from ..errors import RecipeError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
CHECKS = 0.25
"""The share of the whole that the checks before learning may take."""
SEARCH = 0.6
"""The share of what is left that the search may take; training gets nearly all of the rest, and never less than it needs."""
KEEP = 0.04
"""The share kept for the test and the report, beside"""
RESERVE = 2.0
"""seconds, which the report takes on a slow machine."""


def seconds_of(text: str | float | None) -> float | None:
    """Seconds of a time as a person writes it: 90, "90", "90s", "2m", "1h30m"; None is no limit.

    Examples:
        >>> seconds_of("2m"), seconds_of("1h30m"), seconds_of(45)
        (120.0, 5400.0, 45.0)
    """
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", str(text).strip().lower())
        if not parts or "".join(map("".join, parts)) != str(text).strip().lower():
            raise RecipeError(f"a time must be like 90s, 2m or 1h30m, but got {text!r}") from None
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not (math.isfinite(seconds) and seconds > 0):
        raise RecipeError(f"a time > 0 must hold, but got {text!r}")
    return seconds


class Budget:
    """How much time is left of a budget that began when this was made; without a limit it never ends.

    Args:
        seconds: the whole budget, None for no limit.
        spent: what was used up before.
        clock: seconds since some moment.
    """

    def __init__(self, seconds: float | None, spent: float = 0.0, clock: Callable[[], float] = perf_counter) -> None:
        self.seconds, self._clock = seconds, clock
        self._began = clock() - spent

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    @property
    def left(self) -> float:
        """Seconds left; infinite without a limit."""
        return math.inf if self.seconds is None else max(0.0, self.seconds - self.spent)

    def for_training(self) -> float:
        """Seconds that training may take from now on."""
        return self.left - (0.0 if self.seconds is None else min(self.left, RESERVE + KEEP * self.seconds))

    def for_search(self, training: float) -> float:
        """Seconds that a search may take from now on: 0 where the training needs all that is left.

        Args:
            training: seconds that one whole training is expected to take. Without a limit the search
                gets four times as long, and at least 10 seconds.
        """
        if self.seconds is None:
            return max(10.0, 4 * training)
        room = self.for_training()
        return max(0.0, min(SEARCH * room, room - training))

    def for_checks(self) -> float:
        """Seconds that the checks before learning may take; infinite without a limit."""
        return math.inf if self.seconds is None else CHECKS * self.seconds


def epochs_within(epochs: int, needed: float, room: float) -> int:
    """As many of the epochs, which take `needed` seconds in all, as there is room for; one at least.

    Examples:
        >>> epochs_within(30, needed=60, room=20), epochs_within(30, needed=60, room=100)
        (10, 30)
    """
    return epochs if needed <= room else max(1, int(epochs * room / needed))
