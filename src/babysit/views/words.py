"""Numbers and names as people write and read them: 0.0012, 3.4 k steps, 2 min 5 s, 86 %."""

from __future__ import annotations

import math
import re
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from ..record.apart import apart

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def number(value: float, digits: int = 3) -> str:
    """A measured value with `digits` significant digits.

    Examples:
        >>> [number(one) for one in (0.00123456, 2.302585, 97.25, 1234567.0, 3.2e-7, 0.0, -0.5)]
        ['0.00123', '2.3', '97.2', '1.23e6', '3.2e-7', '0', '-0.5']
        >>> number(float("nan")), number(float("-inf"))
        ('NaN', '-inf')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-4 <= size < 10 ** max(digits, 5):
        places = max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{value:.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def beside(value: float, expected: str, limit: float | None = None) -> tuple[str, str]:
    """A measured value and what was expected instead, with as many digits as tell the two apart.

    Args:
        limit: the number that stands in `expected`, where it is known more exactly.

    Examples:
        >>> beside(0.1004, "< 0.1"), beside(0.4001, "< 0.4", 0.39996), beside(2.0, "below 0.1")
        (('0.1004', '< 0.1'), ('0.4001', '< 0.4'), ('2', 'below 0.1'))
    """
    told = number(value)
    for token in re.findall(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", expected):
        if number(float(token)) == told:
            exact = limit if limit is not None and number(limit) == told else float(token)
            mine, other = apart(value, exact, number)
            return mine, expected.replace(token, other, 1)
    return told, expected


def count(value: float) -> str:
    """A count: exact below ten thousand, then shortened.

    Examples:
        >>> count(950), count(3400), count(34_000), count(1_250_000)
        ('950', '3,400', '34 k', '1.25 M')
    """
    if not math.isfinite(value):
        return number(value)
    if abs(value) < 10_000:
        return f"{int(value):,}"
    for size, letter in _STEPS:
        if abs(value) >= size:
            return f"{number(value / size)} {letter}"
    return str(int(value))


def share(value: float) -> str:
    """A share (0..1) in per cent.

    Examples:
        >>> share(0.8612), share(0.9975), share(0.004), share(0.0), share(1.0)
        ('86.1 %', '99.8 %', '0.4 %', '0 %', '100 %')
    """
    if not math.isfinite(value):
        return number(value)
    return f"{number(round(value * 100, 1))} %"


def duration(seconds: float) -> str:
    """A length of time in its two largest units.

    Examples:
        >>> [duration(one) for one in (0.0042, 0.62, 12.3, 125, 7260, 200_000)]
        ['4.2 ms', '0.62 s', '12 s', '2 min 5 s', '2 h 1 min', '2 d 7 h']
    """
    if not math.isfinite(seconds) or seconds < 0:
        return number(seconds)
    if seconds < 0.1:
        return f"{number(seconds * 1000, 2)} ms"
    if seconds < 10:
        return f"{number(seconds, 2)} s"
    whole = round(seconds)
    for size, name, smaller, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"


def plural(many: int, word: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{count(many)} {word}{'' if many == 1 else 's'}"


def whereabouts(standing: str, heard: float) -> str:
    """Where a stored record stands, in words, "" where nothing is to be said; `heard` is when it last changed (Unix).

    Examples:
        >>> whereabouts("running", 0.0), whereabouts("ended", 0.0), whereabouts("stopped", 0.0)
        ('running', '', 'stopped before its end')
        >>> whereabouts("died", 0.0).startswith("died: its process is gone, last heard of 19")
        True
    """
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(heard))
    return {
        "running": "running", "stopped": "stopped before its end", "died": f"died: its process is gone, last heard of {since}",
        "silent": f"not heard of since {since}, from another machine",
    }.get(standing, "")  # fmt: skip


def ending(detail: Mapping[str, Any]) -> tuple[str, str]:
    """How a run ended, by what its record's "end" says: in a word or two, and in full.

    Examples:
        >>> ending({"reason": "finished"}), ending({"reason": "epochs"})
        (('ended', 'ended'), ('ended', 'ended: epochs'))
        >>> ending({"reason": "error", "error": "ValueError: 3 channels"})
        ('exception', 'ended by ValueError: 3 channels')
        >>> ending({"reason": "interrupted"}), ending({"reason": "exit", "code": 3})
        (('Ctrl-C', 'interrupted by Ctrl-C'), ('exit code 3', 'ended with exit code 3'))
    """
    reason = clean(detail.get("reason") or "", 80)
    error, code, why = (clean(detail.get(name) or "", 200) for name in ("error", "code", "why"))
    if reason == "error":
        return "exception", f"ended by {error or 'an exception'}"
    if reason == "interrupted":
        return "Ctrl-C", "interrupted by Ctrl-C"
    if reason == "exit" and code:
        return f"exit code {code}", f"ended with exit code {code}"
    if reason == "stopped":
        return "stopped", f"stopped: {why}" if why else "stopped"
    return "ended", "ended" if reason in ("", "finished", "exit") else f"ended: {reason}"


def plain(value: object, limit: int = 300) -> str:
    """A fact as people write it: numbers short, lists by commas, what has names with them; "" where there is nothing.

    Examples:
        >>> plain([1, 8, 8]), plain(0.10000000149), plain({"train": 1168, "val": 270}), plain([]), plain(None)
        ('1, 8, 8', '0.1', 'train 1168, val 270', '', '')
        >>> plain({"within": {"train": 0}, "conflicting": 0}), plain([{"name": "cat", "train": 9}, {"name": "dog", "train": 8}])
        ('within: train 0; conflicting 0', 'cat: train 9; dog: train 8')
    """
    if isinstance(value, Mapping):
        rest = {key: plain(one) for key, one in value.items() if key != "name"}
        nested = any(isinstance(one, Mapping | list | tuple) for one in value.values())
        told = [
            f"{key}{':' * isinstance(value[key], Mapping | list | tuple)} {one}" for key, one in rest.items() if one
        ]
        named = f"{plain(value['name'])}: " if "name" in value else ""
        text = named + ("; " if nested else ", ").join(told)
    elif isinstance(value, list | tuple):
        text = ("; " if any(isinstance(one, Mapping) for one in value) else ", ").join(map(plain, value))
    elif value is None:
        return ""
    else:
        text = (
            number(value)
            if isinstance(value, float)
            else "yes"
            if value is True
            else "no"
            if value is False
            else str(value)
        )
    return clean(text, limit)


def bare(names: Sequence[str]) -> list[str]:
    """Layers' names without the parts, from either end, that all of them share.

    Examples:
        >>> bare(["network.conv1.weight", "network.conv2.weight"]), bare(["0.weight", "0.bias"]), bare(["a"]), bare(["a.b", "a.b"])
        (['conv1', 'conv2'], ['weight', 'bias'], ['a'], ['a.b', 'a.b'])
        >>> bare(["net.0.weight", "net.2.weight"])  # a number alone is no name
        ['0.weight', '2.weight']
    """
    parts = [name.split(".") for name in names]
    if len(set(names)) < 2:
        return list(names)
    shortest = min(map(len, parts)) - 1
    front = next((at for at in range(shortest) if len({one[at] for one in parts}) > 1), shortest)
    back = next((at for at in range(shortest - front) if len({one[-1 - at] for one in parts}) > 1), shortest - front)
    short = [".".join(one[front : len(one) - back]) for one in parts]
    return [".".join(one[front:]) for one in parts] if all(one.isdigit() for one in short) else short


def tail(text: object, limit: int) -> str:
    """A layer's name made short from its left, where names are alike.

    Examples:
        >>> tail("model.encoder.layers.11.weight", 16)
        '…ayers.11.weight'
    """
    whole = clean(text, 500)
    return whole if len(whole) <= limit else "…" + whole[1 - limit :]


def clean(text: object, limit: int = 2000, *, lines: bool = False) -> str:
    """Text from outside, made harmless for a terminal: control, bidi and escape characters become visible.

    Args:
        text: anything; it is shown as `str`.
        limit: characters kept; the rest becomes an ellipsis.
        lines: keep line feeds (a message of several lines).

    Examples:
        >>> clean("\\x1b[31mred\\x07\\u202e")
        '␛[31mred␇⟨U+202E⟩'
    """
    text = str(text)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if lines and one == "\n" else _visible(one) for one in text)


def _visible(one: str) -> str:
    if one < "\x20":
        return " " if one in "\n\r\t" else chr(0x2400 + ord(one))
    if one == "\x7f":
        return "␡"
    if unicodedata.category(one) in _UNSEEN:
        return f"⟨U+{ord(one):04X}⟩"
    return one
