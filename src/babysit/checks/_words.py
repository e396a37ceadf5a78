"""Numbers and lists as a person writes them, and the outcomes that all checks share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..record import Finding
from . import Outcome


def number(value: float) -> str:
    """Three significant digits: 2.3, 0.0123, 3.2e-07.

    >>> number(2.302585), number(math.nan)
    ('2.3', 'NaN')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("infinity" if value > 0 else "-infinity")
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a percentage.

    >>> percent(0.9), percent(0.034)
    ('90 %', '3.4 %')
    """
    return f"{100 * share:.0f} %" if abs(share) >= 0.1 or share == 0 else f"{100 * share:.2g} %"


def listed(names: Sequence[str], most: int = 3) -> str:
    """'a, b and c', or 'a, b, c and 4 more'.

    >>> listed(["a", "b"]), listed(list("abcde"))
    ('a and b', 'a, b, c and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def passed(expected: str, measured: str, *notes: Finding) -> Outcome:
    """All is well; notes are good to know."""
    return Outcome(True, expected, measured, findings=notes)


def failed(expected: str, measured: str, reason: str, *findings: Finding) -> Outcome:
    """Not so; the reason says why, and the way out."""
    return Outcome(False, expected, measured, reason=reason, findings=findings)


def unknown(expected: str, measured: str, reason: str) -> Outcome:
    """It can't be judged; the reason says why."""
    return Outcome(None, expected, measured, reason=reason)
