"""Numbers and lists as a person writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: float, digits: int = 3) -> str:
    """Three significant digits, without a needless exponent.

    >>> number(2.302585), number(1234.5), number(1234567), number(0.00001)
    ('2.3', '1234', '1.23e+06', '1e-05')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("infinity" if value > 0 else "-infinity")
    return f"{value:.{max(0, digits - 4)}f}" if 1000 <= abs(value) < 1e6 else f"{value:.{digits}g}"


def percent(share: float, digits: int = 2) -> str:
    """A share as a whole percentage, one digit more below 10 %.

    >>> percent(0.9), percent(0.034)
    ('90 %', '3.4 %')
    """
    text = f"{100 * share:.{digits - 2}f}" if abs(share) >= 0.1 or share == 0 else f"{100 * share:.{digits}g}"
    return f"{text} %"


def listed(names: Sequence[str], most: int = 3) -> str:
    """'a, b and c', or 'a, b, c and 4 more'.

    >>> listed(["a", "b"]), listed(list("abcde"))
    ('a and b', 'a, b, c and 2 more')
    """
    names = [name or "the model" for name in names]
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
