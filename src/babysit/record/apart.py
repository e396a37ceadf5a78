"""Two numbers in words, with as many digits as tell them apart: "0.10 < 0.10" says nothing."""

from __future__ import annotations

from collections.abc import Callable


def short(value: float, digits: int) -> str:
    """A number with so many significant digits."""
    return f"{value:.{digits}g}"


def apart(value: float, limit: float, tell: Callable[[float, int], str] = short, least: int = 3) -> tuple[str, str]:
    """A value and what it is held against, in words that differ unless the two are equal.

    Args:
        tell: a number in words, with so many digits.
        least: digits at the least.

    Examples:
        >>> apart(0.0462, 0.0456, least=2), apart(2.3, 6.9), apart(1.0, 1.0)
        (('0.0462', '0.0456'), ('2.3', '6.9'), ('1', '1'))
    """
    for digits in range(least, 18):
        told = tell(value, digits), tell(limit, digits)
        if told[0] != told[1]:
            return told
    return tell(value, least), tell(limit, least)
