"""The compact block of `watch`: loss, validation, update ratio, the layers' health as small bars."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from typing import IO, Any

from rich.cells import cell_len
from rich.text import Text

from ...record import Finding, Run
from ..health import health, layers
from ..words import clean, count, number, plural, share
from .footer import Footer
from .judgement import console, finding_text, verdict_text
from .spark import BLOCKS, level, spark

ROWS = 4
SECONDS = 0.2
PLAIN_SECONDS = 30.0
_CODES = {"dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36", "bold": "1"}


class LiveBlock:
    """Shows a training while it runs, below the script's own output and never in it.

    On a terminal: four rows at its bottom (see `footer`). Anywhere else: one plain line now and then.
    Nothing here raises or waits: a terminal that can't be written to is left alone.

    Args:
        stream: the standard error by default; results of a script go to its standard output untouched.

    Examples:
        >>> import io
        >>> block = LiveBlock(io.StringIO())
        >>> block.update(Run.of({"loss.train": [2.3, 1.9, 1.2]}))
        >>> block.close()
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self.stream = stream if stream is not None else sys.stderr
        self._footer = Footer(self.stream, ROWS)
        self._lock = threading.Lock()
        self._next = 0.0 if self._footer.usable else time.monotonic() + 2.0
        self._wait = 5.0
        self._told: set[tuple[str, str | None]] = set()
        self._rate = _Rate()
        self._findings = 0
        self._run: Run | None = None
        self._colour = not os.environ.get("NO_COLOR")

    def update(self, run: Run, *, force: bool = False) -> None:
        """Show how it stands; cheap to call at every step (most calls return at once)."""
        now = time.monotonic()
        if now < self._next and not force:
            return
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._run = run
            self._rate.see(run.step, now)
            if self._footer.usable:
                self._next = now + SECONDS
                self._footer.paint(self._rows(run, self._footer.width))
            else:
                self._next, self._wait = now + self._wait, min(self._wait * 2, PLAIN_SECONDS)
                self._say(f"babysit: {line(run)}")
        except Exception:  # a view must never end a training
            self._next = math.inf
        finally:
            self._lock.release()

    def finding(self, finding: Finding) -> None:
        """Print a finding, once for each id and place, among the script's own output."""
        with self._lock, contextlib.suppress(Exception):
            if (finding.id, finding.where) in self._told:
                return
            self._told.add((finding.id, finding.where))
            self._findings += 1
            self._print([Text(""), *finding_text(finding, self._run)])

    def verdict(self, verdict: Any, run: Run | None = None) -> None:
        """Print the verdict (`status`, `findings`, `reason`) and take the block away."""
        self.close()
        with self._lock, contextlib.suppress(Exception):
            self._print([Text(""), *verdict_text(verdict, run or self._run)])

    def close(self) -> None:
        """Take the block away; the terminal is as it was. Safe to call twice."""
        with self._lock, contextlib.suppress(Exception):
            self._next = math.inf
            self._footer.close()

    def __enter__(self) -> LiveBlock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # drawing

    def _print(self, parts: list[Any]) -> None:
        out = console(self.stream)
        with out.capture() as captured:
            for part in parts:
                out.print(part)
        self._say("\n".join(row.rstrip() for row in captured.get().rstrip("\n").split("\n")))  # rich pads its rows

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            try:
                self.stream.write(text + "\n")
            except UnicodeEncodeError:
                code = getattr(self.stream, "encoding", None) or "ascii"
                self.stream.write(text.encode(code, "replace").decode(code) + "\n")
            self.stream.flush()

    def _rows(self, run: Run, width: int) -> list[str]:
        width = max(20, width - 1)
        return [self._head(run, width), *(self._fit(parts, width) for parts in (_loss(run, width), _updates(run), _layers(run, width)))]  # fmt: skip

    def _head(self, run: Run, width: int) -> str:
        words = ["babysit", f"step {count(run.step)}"]
        epochs = run.events_of("epoch")
        if epochs:
            words.append(f"epoch {clean(epochs[-1].detail.get('number', len(epochs)), 12)}")
        if self._rate.value:
            words.append(f"{number(self._rate.value, 2)} steps/s")
        words.append(plural(self._findings, "finding") if self._findings else "nothing found so far")
        text = " · ".join(words)[: width - 4]
        return self._paint(
            f"── {text} " + "─" * max(0, width - cell_len(text) - 4), "yellow" if self._findings else "dim"
        )

    def _fit(self, parts: list[tuple[str, str]], width: int) -> str:
        """As many whole parts as the row has room for."""
        row, used = "", 0
        for text, style in parts:
            size = cell_len(text)
            if used + size > width:
                break
            row += self._paint(text, style)
            used += size
        return row

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and self._colour else text


def line(run: Run) -> str:
    """How it stands, in one plain line.

    Examples:
        >>> line(Run.of({"loss.train": [2.3, 0.4123], "accuracy.val": [0.91, 0.934]}))
        'step 1, loss 0.412, val accuracy 93.4 %'
    """
    words = [f"step {count(run.step)}"]
    words += [f"{name} {value}" for name, value in scores(run)]
    ratio = _median_ratio(run)
    if math.isfinite(ratio):
        words.append(f"update ratio {number(ratio, 2)}")
    sick = [f"{clean(where, 60)} {_worst(run, where)}" for where, ill in health(run) if ill >= 0.5]
    return ", ".join(words + sick[:3])


def scores(run: Run) -> list[tuple[str, str]]:
    """(name, value as text) of the newest loss and scores, train beside val."""
    found = []
    for what, name in (("loss.train", "loss"), ("loss.val", "val loss"), ("accuracy.train", "accuracy"),
                       ("accuracy.val", "val accuracy"), ("r2.train", "R²"), ("r2.val", "val R²")):  # fmt: skip
        if run.has(what):
            value = run.last(what)
            found.append((name, share(value) if what.startswith("accuracy") else number(value)))
    return found


def _loss(run: Run, width: int) -> list[tuple[str, str]]:
    loss = run.series("loss.train").values
    parts = [("loss     ", "dim"), (spark(loss, min(32, max(8, width - 40))), "cyan")]
    for index, (name, value) in enumerate(scores(run)):
        parts.append((f"  {value}" if index == 0 and name == "loss" else f"   {name} {value}", ""))
    return parts


def _updates(run: Run) -> list[tuple[str, str]]:
    ratios = [run.last("update.ratio", where) for where in run.places("update.ratio")]
    if not ratios:
        return [("updates  not yet measured", "dim")]
    parts = [("updates  ", "dim")]
    for ratio in ratios[:32]:  # from 1e-6 (low) to 1 (high); the lecture's 1e-3 is in the middle
        tall = (math.log10(ratio) + 6) / 6 if ratio > 0 else 0.0 if ratio == 0 else math.nan
        parts.append((level(tall), "red" if ratio > 0.1 else "yellow" if ratio < 1e-5 else "cyan"))
    parts.append((f"  {number(_median_ratio(run), 2)} of the weights a step", ""))
    parts.append(("  (about 1e-3 is usual)", "dim"))
    return parts


def _layers(run: Run, width: int) -> list[tuple[str, str]]:
    states = health(run)
    if not states:
        names = layers(run)
        return [(f"layers   {plural(len(names), 'layer')}, not yet measured" if names else "", "dim")]
    parts = [("layers   ", "dim")]
    worst = sorted(states, key=lambda one: -one[1])
    room = max(8, min(len(states), width - 40))
    step = len(states) / room
    for index in range(room):  # deeper than wide: each bar is the worst of its part
        part = states[int(index * step) : max(int((index + 1) * step), int(index * step) + 1)]
        ill = max(one[1] for one in part) if part else math.nan
        if part:
            parts.append((level(1 - ill, blocks=BLOCKS), "red" if ill >= 0.5 else "yellow" if ill >= 0.25 else "green"))
    if worst[0][1] >= 0.25:
        parts.append((f"  {clean(worst[0][0], 40)} {_worst(run, worst[0][0])}", "yellow"))
    else:
        parts.append(("  all alive", "dim"))
    return parts


def _worst(run: Run, where: str) -> str:
    found = [(run.last(what, where, 0.0), word) for what, word in
             (("activation.nonfinite", "not finite"), ("activation.dead", "dead"), ("activation.saturated", "saturated"))]  # fmt: skip
    value, word = max(found, key=lambda one: one[0])
    return f"{share(value)} {word}"


def _median_ratio(run: Run) -> float:
    known = sorted(
        one for one in (run.last("update.ratio", where) for where in run.places("update.ratio")) if math.isfinite(one)
    )
    return known[len(known) // 2] if known else math.nan


class _Rate:
    """Steps per second over the last few looks."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, float]] = []

    def see(self, step: int, now: float) -> None:
        self._seen = [*self._seen[-20:], (step, now)]

    @property
    def value(self) -> float:
        (first, began), (last, ended) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if ended > began else 0.0
