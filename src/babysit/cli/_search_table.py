"""A search as it goes: how far, the best so far, what was broken off and why, the time left."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.text import Text

from ..record.study import Study, plural
from ..views.words import duration
from ._rows import joined, trial_rows

ROWS = 5
"""Trials that are shown on the way."""


class Live:
    """What a search comes to, live on a terminal; elsewhere one line now and then."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = RichLive(console=console, refresh_per_second=6, transient=True) if console.is_terminal else None
        self._whys: Counter[str] = Counter()
        self._told = 0.0

    def __enter__(self) -> Live:
        if self._live is not None:
            self._live.start()
            self._live.update(Text("loading PyTorch and the data", style="dim"))
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def trial(self, trial: Any, study: Any) -> None:
        """A trial ended."""
        if trial.state in ("broken", "failed"):
            self._whys[_kind(trial.why)] += 1

    def progress(self, now: Any) -> None:
        """The search stands here."""
        if self._live is not None:
            self._live.update(self._picture(now))
        elif time.monotonic() - self._told > 5:
            self._told = time.monotonic()
            self.console.print(", ".join(_words(now)), markup=False)

    def _picture(self, now: Any) -> Group:
        width = self.console.width
        lines = [Text(one) for one in joined(_words(now), width)]
        box = [f"{name} {low:.2g} … {high:.2g}" for name, (low, high) in now.box.items()]
        if box:
            lines += [Text(one, "dim") for one in joined([f"drawn mostly from {box[0]}", *box[1:]], width)]
        broken = [f"{count} {why}" for why, count in self._whys.most_common(3)]
        if broken:
            lines += [Text(one, "dim") for one in joined([f"broken off: {broken[0]}", *broken[1:]], width)]
        room = max(3, self.console.height - len(lines) - 2)
        rows = trial_rows(now.study, ROWS, width)
        while len(rows) > room:
            rows.pop()
        return Group(*lines, *rows)


def _words(now: Any) -> list[str]:
    """Where a search stands, in parts."""
    best = next((trial for trial in now.study.ranked()[:1] if trial.state != "broken"), None)
    words = [f"best {best.score:.4f}"] if best is not None else []
    if now.again is not None:
        words = [f"the best again with other seeds: {now.again[0]} of {now.again[1]} trainings", *words]
    else:
        head = f"stage {now.stage + 1}: {now.lanes} train to epoch {now.until}"
        words = [head, *words, f"{now.dropped} dropped", f"{now.broken} broken off"]
    ended = f"{now.done} of {now.total}" if now.total else f"{now.done}"
    words += [f"{ended} ended", f"{now.rate:.1f} trials/s"]
    return words + ([f"{duration(max(0.0, now.left))} left"] if now.left is not None else [])


def summary(study: Study) -> str:
    """What became of all trials, in a sentence."""
    states = Counter(trial.state for trial in study.trials)
    ended = {"complete": "trained to the end", "dropped": "dropped on the way", "broken": "broken off", "failed": "failed",
             "running": "not ended"}  # fmt: skip
    told = [f"{states[state]} {words}" for state, words in ended.items() if states[state]]
    return f"{plural(len(study.trials), 'trial')} in {duration(study.seconds)}: {', '.join(told)}"


def _kind(why: str) -> str:
    if "passed" in why:
        return "cost passed 3 x its first"
    return "cost not finite" if "finite" in why else why[:40]
