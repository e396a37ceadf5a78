"""The ward's beds: real short training scripts, sick and healthy, and what is true of each.

`ward.toml` says of each script whether it is sick, of what, and which text replacements cure it; the cured
script is its twin. The scripts in `programs/` are written as people write them: each runs by itself, takes
`--seed` and `--epochs`, and prints `score <number>` last, measured apart from whatever it prints of its own.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parent


@dataclass(frozen=True)
class Program:
    """One script of the ward and the truth about it.

    Args:
        name: what `ward.toml` calls it.
        path: the script.
        sick: whether a fault was put in.
        cause: the id of the true root cause, `healthy` where there is none.
        also: other ids that a fair judge accepts as the root cause.
        setting: words for what it trains (`mlp`, `regression`, `adam`, …).
        half: `a` is for calibration, `b` is held out.
        live: whether an edit of the running program could reach the cure.
        harm: where the fault hurts if not in the score: `validation`, `metric`, `memory`, `mode`,
            `confidence` (right answers, useless probabilities), `start` (loses its first updates); else None.
        twin: replacements (old, new) that cure it; the first marks the fault.
    """

    name: str
    path: Path
    sick: bool
    cause: str
    also: tuple[str, ...]
    setting: tuple[str, ...]
    half: str
    live: bool = False
    harm: str | None = None
    twin: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The script as it stands."""
        return self.path.read_text(encoding="utf-8")

    @property
    def causes(self) -> tuple[str, ...]:
        """Every id that counts as right, the true one first."""
        return (self.cause, *self.also)

    @property
    def line(self) -> int | None:
        """The line (from 1) where the first replacement changes something, None for a healthy script.

        Where the cure only adds lines, this is the line before which they go.
        """
        if not self.twin:
            return None
        old, new = self.twin[0]
        same = 0
        for ours, theirs in zip(old.splitlines(), new.splitlines(), strict=False):
            if ours != theirs:
                break
            same += 1
        return self.text[: self.text.index(old)].count("\n") + 1 + min(same, max(len(old.splitlines()) - 1, 0))

    def cured(self) -> str:
        """The twin's text: this script with every replacement made, each exactly once.

        Raises:
            ValueError: the script is healthy, or a replacement does not occur exactly once.
        """
        if not self.twin:
            raise ValueError(f"{self.name} is healthy: it has no twin")
        text = self.text
        for old, new in self.twin:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: must occur exactly once, but occurs {text.count(old)} times: {old!r}")
            text = text.replace(old, new)
        return text


def programs(
    *, sick: bool | None = None, half: str | None = None, toml: Path = HOME / "ward.toml"
) -> tuple[Program, ...]:
    """Every program of the ward in the order of `ward.toml`, or only the sick (healthy) ones, or of one half."""
    table = tomllib.loads(toml.read_text(encoding="utf-8"))
    every = (_program(entry, toml.parent) for entry in table["program"])
    return tuple(p for p in every if sick in (None, p.sick) and half in (None, p.half))


def read_score(output: str) -> float:
    """The figure in the last line `score …` of a program's output; -inf where it is missing or not a number.

    >>> read_score("epoch 1\\nscore 0.9123\\n")
    0.9123
    >>> read_score("score nan")
    -inf
    """
    found = re.findall(r"^score (\S+)\s*$", output, re.MULTILINE)
    score = float(found[-1]) if found else math.nan
    return score if not math.isnan(score) else -math.inf


def _program(entry: dict, home: Path) -> Program:
    return Program(
        name=entry["name"],
        path=home / entry["file"],
        sick=entry["sick"],
        cause=entry["cause"],
        also=tuple(entry["also"]),
        setting=tuple(entry["setting"]),
        half=entry["half"],
        live=entry.get("live", False),
        harm=entry.get("harm"),
        twin=tuple((old, new) for old, new in entry.get("twin", ())),
    )
