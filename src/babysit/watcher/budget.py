"""How often, and how much, is observed: the watcher measures its own time and keeps a share of the script's.

The first steps are all observed, then fewer and fewer, each a constant factor further on; from
there as many as the budget pays for, and never so many that the record of a long run grows without bound.
When something stirs, some steps are observed on credit. What the start and the credit cost is paid back
with half of what comes in. Between two observed steps nothing is measured, not even the time.
"""

from __future__ import annotations

import math
import time
from time import perf_counter

own_time = time.thread_time if time.get_clock_info("thread_time").resolution < 1e-5 else perf_counter
"""The clock of what watching costs: the processor's, so that being made to wait by others isn't taken for a cost."""

DENSE = 12
"""Steps at the start that are all observed."""
GROWTH = 1.06
"""From there, while little is spent, the distance grows by this factor at most."""
GRACE = 0.25
"""Seconds that may be spent so: a script of a few hundred steps is over before a share of it pays for a diagnosis."""
LATER = 1.35
"""However much was spent, the next look is at most this factor further on: what ails a run may show late."""
OFTEN = 250
"""Observed steps for each factor e in steps, at most."""
STIR_STEPS = 6
CREDIT = 40
"""Observed steps that may be had on credit when something stirs."""
SHORT = 4e-3
"""Steps shorter than this are looked at whole where every step is observed."""
WHOLE = 0.1
"""Of a step, what its observation may cost where every step is observed; else layers and weights wait for a later one."""
RAREST = 50
"""Steps between two whole looks, at most."""
LONGEST = 2000
"""Steps between two wakings, observed or not: losses wait in memory until then."""
QUIET = 7e-6
"""Seconds that a step costs which is not observed (bench/watching.py)."""
BESIDE = 0.15
"""What an observed step costs beside the time in our own functions, as a share of that: hooks that are called, caches that are
cold afterwards (bench/watching.py)."""


class Budget:
    """The account of the watcher's time.

    Args:
        overhead: share of the script's own time that watching may cost; None observes every step.

    Attributes:
        spent: seconds that watching has cost so far.
        step_seconds: of one step of the script, watching left out.
        light: in the step after the newest only what costs next to nothing is looked at.
        wake: the step after which the next look is due.
        stirred: observed steps that are still wanted because something happens.
    """

    def __init__(self, overhead: float | None) -> None:
        self.overhead = overhead
        self.spent = 0.0
        self.light = False
        self.began = perf_counter()
        self.step_seconds = math.nan
        self.wake = 0
        self.stirred = 0
        self._last, self._last_step, self._spent_before = self.began, 0, 0.0
        self._seconds: list[float] = []
        self._cost = 0.0
        self._look, self._spent_look = 0, 0.0
        self._due = 0
        self._credit = CREDIT

    @property
    def elapsed(self) -> float:
        """Seconds since watching began."""
        return perf_counter() - self.began

    @property
    def share(self) -> float:
        """The watcher's time / the script's own."""
        return self.spent / max(1e-9, self.elapsed - self.spent)

    def end_of_step(self, step: int) -> float:
        """An observed step is over; its seconds, the watcher's own left out."""
        own = self.spent - self._spent_before
        seconds = self._script_seconds(step)
        beside = BESIDE * max(0.0, own)
        self.spent, self._spent_before, own = self.spent + beside, self._spent_before + beside, own + beside
        self._cost = own if not self._cost else 0.7 * self._cost + 0.3 * own
        return seconds

    def end_of_stretch(self, step: int) -> None:
        """A quiet stretch is over."""
        self.spent += QUIET * (step - self._last_step)
        self._script_seconds(step)

    def _script_seconds(self, step: int) -> float:
        now = perf_counter()
        own = self.spent - self._spent_before
        seconds = max(0.0, now - self._last - own) / max(1, step - self._last_step)
        self._last, self._last_step, self._spent_before = now, step, self.spent
        self._seconds = [*self._seconds[-14:], seconds]
        self.step_seconds = sorted(self._seconds)[len(self._seconds) // 2]
        return seconds

    def apart(self, seconds: float) -> None:
        """So much of what was spent is not what an observed step costs: it does not come back at each."""
        self._last += seconds
        self._spent_before += seconds

    def stir(self, steps: int = STIR_STEPS) -> None:
        """Something happens: observe the next steps all, while there is credit."""
        self.stirred = max(self.stirred, min(steps, self._credit))

    def observe(self, step: int, was_observed: bool) -> bool:
        """Is the step after `step` to be observed? If not, `wake` says when to ask again."""
        if self.overhead is None:
            self.light = self._too_dear(step) and not self.stirred
            self.stirred = max(0, self.stirred - 1)
            return True
        if step < DENSE:
            return True
        if self.stirred and self._credit:
            self.stirred -= 1
            self._credit -= 1
            return True
        self.stirred = 0
        if not was_observed:
            if step >= self._due:
                return True
            self.wake = min(self._due, step + LONGEST)
            return False
        distance = max(self._steps_until_paid(), step // OFTEN)
        if self.spent < GRACE:
            distance = min(distance, round(step * (GROWTH - 1)))
        distance = min(distance, round(step * (LATER - 1)))
        self._due = step + distance - 1
        self.wake = min(self._due, step + LONGEST)
        return distance <= 1

    def _steps_until_paid(self) -> int:
        """How many steps until the next look is paid for; half of what comes in pays back debts meanwhile."""
        assert self.overhead is not None
        income = max(1e-9, self.overhead * self.step_seconds - QUIET)
        debt = self.spent + self._cost - self.overhead * (self.elapsed - self.spent)
        if debt <= 0:
            self._credit = min(CREDIT, self._credit + 1)
            return 0
        return math.ceil(min(debt, 2 * self._cost) / income)

    def _too_dear(self, step: int) -> bool:
        """Where every step is observed: is a whole look at the next one not paid for yet?"""
        own = self.spent - self._spent_look
        if math.isnan(self.step_seconds) or min(self._seconds) < SHORT or step < DENSE:
            self._look, self._spent_look = step, self.spent
            return False
        if own > WHOLE * self.step_seconds * (step - self._look) and step - self._look < RAREST:
            return True
        self._look, self._spent_look = step, self.spent
        return False
