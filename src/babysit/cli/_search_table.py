"""A search as it goes: the box, the best, lanes alive, what was dropped and why, the pace, the time left."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

ROWS = 6


class Live:
    """A live table on a terminal; elsewhere one line now and then."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = RichLive(console=console, refresh_per_second=6, transient=True) if console.is_terminal else None
        self._best: list[Any] = []
        self._whys: Counter[str] = Counter()
        self._told = 0.0
        self._count = 0

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
        self._count += 1
        if trial.state in ("broken", "failed"):
            self._whys[_kind(trial.why)] += 1
        self._best = sorted([*self._best, trial], key=lambda one: (one.epochs, one.rank), reverse=True)[:ROWS]

    def progress(self, now: Any) -> None:
        """The search stands here."""
        if self._live is not None:
            self._live.update(self._picture(now))
        elif time.monotonic() - self._told > 5:
            self._told = time.monotonic()
            self.console.print(_line(now), markup=False)

    def _picture(self, now: Any) -> Group:
        head = Text(_line(now))
        box = Text("  ".join(f"{name} {low:.2g}…{high:.2g}" for name, (low, high) in now.box.items()), style="dim")
        table = Table(box=None, pad_edge=False, header_style="dim")
        names = list(dict.fromkeys(name for one in self._best for name in one.params))
        for name in ("score", "epochs", *names, "trial"):
            table.add_column(name, justify="right")
        for one in self._best:
            cells = [_short(one.params.get(name, "")) for name in names]
            style = "bold" if one is self._best[0] else None
            table.add_row(f"{one.score:.4f}", str(one.epochs), *cells, str(one.number + 1), style=style)
        broken = ", ".join(f"{count} {why}" for why, count in self._whys.most_common(3))
        return Group(head, box, table, Text(f"broken off: {broken}" if broken else "", style="dim"))


def _line(now: Any) -> str:
    total = f" / {now.total}" if now.total else ""
    left = f", {now.left:.0f} s left" if now.left is not None else ""
    best = f"best {now.best.score:.4f}, " if now.best is not None else ""
    return (
        f"stage {now.stage + 1}, to epoch {now.until}: {best}{now.lanes} in the race, {now.dropped} dropped, "
        f"{now.broken} broken off, {now.done}{total} done, {now.rate:.1f} trials/s{left}"
    )


def _kind(why: str) -> str:
    if "passed" in why:
        return "cost passed 3 x its first"
    return "cost not finite" if "finite" in why else why[:40]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
