"""What is asked of a claim before it is measured, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..views.panel import Panel
from ._lecture import Paper, Section
from ._statistics import interval

Judgement = Literal["holds", "does-not-hold", "depends"]

GAIN = 0.005
"""What helps must bring half a point of accuracy at least, for every claim alike: no measurement can tell a gain of nothing
at all from a bound of 0, so that a claim with such a bound could never fail."""
FACTOR = 1.1
"""And what is faster, evener or more must be so by a tenth."""


@dataclass(frozen=True)
class Criterion:
    """What must be measured for a claim to hold: one number for each seed, between `low` and `high`.

    Attributes:
        effect: the number, in words.
        low, high: the claim holds where the whole 95 % interval lies strictly between them (or all of it on both, where
            they are equal), does not hold where all of it lies outside, and is undecided in between (told as
            "depends": on the seed).
        ratio: the numbers are ratios (geometric mean, interval of the logarithms); `times` tells them with a ×.
        share: the numbers are shares, shown in per cent; `points` differences of shares.

    Examples:
        >>> Criterion("steps of tanh / steps of ReLU", low=6, ratio=True).words
        'steps of tanh / steps of ReLU: more than 6 ×'
        >>> Criterion("loss - ln K", low=-0.05, high=0.05).words
        'loss - ln K: from -0.05 to 0.05'
    """

    effect: str
    low: float = -math.inf
    high: float = math.inf
    ratio: bool = False
    times: bool = True
    share: bool = False
    points: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) or math.isfinite(self.high)) or self.low > self.high:
            raise ValueError(f"a criterion must be falsifiable: low <= high, one of them finite, but got {self}")

    def judge(self, values: Sequence[float], resolution: float = 0.0) -> tuple[Judgement, float, tuple[float, float]]:
        """The judgement, the effect, and its interval.

        Args:
            resolution: what one example more or less changes an accuracy by: a difference of accuracies that is the same
                for every seed isn't known better.
        """
        effect, low, high = interval(values, ratio=self.ratio)
        if self.points and low == high:
            low, high = low - resolution, high + resolution
        if self.share and all(0 <= one <= 1 for one in values):
            low, high = max(low, 0.0), min(high, 1.0)
        exactly = self.low == self.high
        if (low > self.low and high < self.high) or (exactly and low == high == self.low):
            return "holds", effect, (low, high)
        if high < self.low or low > self.high or (low == high and not exactly):
            return "does-not-hold", effect, (low, high)
        return "depends", effect, (low, high)

    @property
    def words(self) -> str:
        """The effect and its bounds in one line."""
        low, high = self.number(self.low), self.number(self.high)
        if self.low == self.high:
            bounds = f"exactly {low}"
        elif not math.isfinite(self.high):
            bounds = f"more than {low}"
        elif not math.isfinite(self.low):
            bounds = f"less than {high}"
        else:
            bounds = f"from {low} to {high}"
        return f"{self.effect}: {bounds}"

    def number(self, value: float) -> str:
        """A value in the criterion's own unit."""
        if not math.isfinite(value):
            return "never" if value > 0 else "−∞" if value < 0 else "?"
        if self.share:
            return f"{short(100 * value)} %"
        if self.points:
            return f"{short(100 * value)} points"
        return f"{short(value)} ×" if self.ratio and self.times else short(value)


@dataclass(frozen=True)
class Measured:
    """What a claim's function hands back: a value for each seed in each of its settings, and what shows it.

    Attributes:
        values: setting -> one number a seed; the settings are those of the claim's criteria.
        figure: one Panel.
        why: two or three sentences.
        beside: what the lecture gives for its own data, and what was measured here, in words.
    """

    values: Mapping[str, Any]
    figure: Panel
    why: str
    beside: str = ""


@dataclass(frozen=True)
class Setting:
    """One measured setting of a claim, judged by its criterion."""

    name: str
    criterion: Criterion
    verdict: Judgement
    effect: float
    interval: tuple[float, float]
    values: tuple[float, ...]

    @property
    def told(self) -> str:
        """Effect and interval in words."""
        number, (low, high) = self.criterion.number, self.interval
        if low == high:
            return f"{number(self.effect)} for every seed"
        return f"{number(self.effect)} (95 %: {number(low)} to {number(high)})"


@dataclass(frozen=True)
class Verdict:
    """One claim, re-measured.

    Attributes:
        id: the claim's name; `statement` in words.
        verdict: "holds" where every setting does; "does-not-hold" where every one fails, or one that is a part of the
            statement; else "depends": on the setting, or undecided where an interval straddles its bound.
        effect, interval: of the first setting; `settings` has them all.
        seeds: how many trainings each number rests on; `seconds` that the claim took.
        depends_on: which settings hold and which don't, where they disagree or are undecided.
        command: repeats it.
    """

    id: str
    statement: str
    verdict: Judgement
    effect: float
    interval: tuple[float, float]
    seeds: int
    seconds: float
    settings: tuple[Setting, ...]
    figure: Panel
    why: str
    section: Section
    paper: Paper
    data: str
    command: str
    depends_on: str = ""
    beside: str = ""
    method: str = field(default="Student's t interval of the mean over seeds, 95 % (of the logarithms for a ratio)")

    def to_dict(self) -> dict[str, Any]:
        """The six fields that `--json` gives; what isn't finite is None."""
        return {
            "id": self.id, "verdict": self.verdict, "effect": _finite(self.effect),
            "interval": [_finite(one) for one in self.interval], "seeds": self.seeds, "seconds": round(self.seconds, 3),
        }  # fmt: skip


def settings_of(
    criteria: Mapping[str, Criterion], values: Mapping[str, Any], resolution: float = 0.0
) -> tuple[Setting, ...]:
    """Each setting judged by its own criterion, in the order of the criteria.

    Raises:
        ValueError: the measured settings aren't those that were promised.
    """
    if set(criteria) != set(values):
        raise ValueError(f"measured must be what the criteria name: {sorted(criteria)}, but got {sorted(values)}")
    return tuple(
        Setting(name, one, *one.judge(values[name], resolution), values=tuple(float(value) for value in values[name]))
        for name, one in criteria.items()
    )


def together(settings: Sequence[Setting], *, parts: bool = False) -> tuple[Judgement, str]:
    """One verdict of all settings, and what it turns on.

    Args:
        parts: the settings are parts of one statement, of which none may fail; else they are conditions, and where one
            holds and another doesn't, the statement depends on them.
    """
    kinds: set[Judgement] = {one.verdict for one in settings}
    first: Judgement = settings[0].verdict
    if kinds == {first} and first != "depends":
        return first, ""
    if len(settings) == 1:
        return "depends", "undecided: the interval straddles the bound"
    words = {"holds": "holds", "does-not-hold": "does not hold", "depends": "undecided"}
    told = "; ".join(
        f"{words[kind]}: {' · '.join(one.name for one in settings if one.verdict == kind)}"
        for kind in words
        if kind in kinds
    )
    return ("does-not-hold" if parts and "does-not-hold" in kinds else "depends"), told


def short(value: float) -> str:
    """Three digits that a reader takes in."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        return text
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
