"""How often, and how much, is observed: the watcher measures its own time and keeps a share of the script's.

Every step is observed at the start and for a while when something stirs; then as often as the
budget pays for, and never more often than about 200 times for each factor e in steps, so that the record
of a long run stays small.
"""

from __future__ import annotations

import math
from time import perf_counter

DENSE = 20
"""Steps at the start that are all observed."""
OFTEN = 200
START = 0.25
"""Seconds that the start may cost before the share is kept, at most; and no more than this many steps' worth:"""
START_STEPS = 30
STIR_STEPS = 8


class Budget:
    """The account of the watcher's time.

    Args:
        overhead: share of the script's own time that watching may cost; None observes every step.

    Attributes:
        spent: seconds that watching has cost so far.
        step_seconds: of the script's newest steps, watching left out (median of a few).
        part: share of the layers that one observed step looks at, 0..1.
    """

    def __init__(self, overhead: float | None) -> None:
        self.overhead = overhead
        self.spent = 0.0
        self.part = 1.0
        self.began = perf_counter()
        self.step_seconds = math.nan
        self._steps: list[float] = []
        self._last = self.began
        self._spent_before = 0.0
        self._stirred = 0
        self._next = 0
        self._cost = 0.0
        self._start_spent = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since watching began."""
        return perf_counter() - self.began

    @property
    def share(self) -> float:
        """The watcher's time / the script's own."""
        return self.spent / max(1e-9, self.elapsed - self.spent)

    def begin_training(self) -> None:
        """The first step begins here: what came before (imports, data) doesn't count as a step."""
        self._last, self._spent_before = perf_counter(), self.spent

    def end_of_step(self, observed: bool) -> float:
        """A step is over; its seconds, the watcher's own left out."""
        now = perf_counter()
        own = self.spent - self._spent_before
        seconds = max(0.0, now - self._last - own)
        self._last, self._spent_before = now, self.spent
        if observed:
            self._cost = own if not self._cost else 0.7 * self._cost + 0.3 * own
        self._steps.append(seconds)
        if len(self._steps) >= 16 or math.isnan(self.step_seconds):
            self.step_seconds = sorted(self._steps)[len(self._steps) // 2]
            self._steps = self._steps[-8:]
        return seconds

    def stir(self, steps: int = STIR_STEPS) -> None:
        """Something happens: observe the next steps all."""
        self._stirred = max(self._stirred, steps)

    def observe(self, step: int) -> bool:
        """Is the step after `step` to be observed? Asked once after each step."""
        if self.overhead is None:
            self._shrink(0.10)
            return True
        if step < DENSE:
            self._start_spent = self.spent
            return True
        if self._stirred:
            self._stirred -= 1
            if self.saved > -self._allowance:
                return True
        if step < self._next or self.saved < 0:
            return False
        self._next = step + max(1, step // OFTEN)
        return True

    @property
    def _allowance(self) -> float:
        """What may be borrowed for the start, or when something stirs."""
        step = 0.0 if math.isnan(self.step_seconds) else self.step_seconds
        return max(0.02, min(START, START_STEPS * step))

    @property
    def saved(self) -> float:
        """Seconds that may be spent now; negative while debts are paid."""
        if self.overhead is None:
            return math.inf
        now = perf_counter() - self.began
        start = min(self._start_spent, self._allowance)
        return self.overhead * (now - self.spent) - (self.spent - start) - self._cost

    def _shrink(self, most: float) -> None:
        """Look at fewer layers at once where observing every step costs more than `most` of a step."""
        step = self.step_seconds
        if not self._cost or math.isnan(step):
            return
        share = self._cost / max(step, 1e-9)
        if share > most:
            self.part = max(0.05, self.part * max(0.5, most / share))
        elif share < 0.6 * most and self.part < 1:
            self.part = min(1.0, self.part * 1.2)
