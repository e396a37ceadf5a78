"""Tells a training's steps on stderr: numbered, explained in a line, with a bar on what takes time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..checks import Outcome
from ..doctor import Verdict
from ..record.study import Study, Trial, line

SHOWN = 8
"""Trials shown while a search goes on."""
KEPT = 5
"""Trials that stay on the screen after it."""
_MARKS = {True: ("✔", "green"), False: ("✖", "bold red"), None: ("·", "dim")}


class Teller:
    """A `Show` for people; plain lines where stderr is no terminal.

    Args:
        console: by default one on stderr.
        quiet: tell nothing but what goes wrong.
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self.console = console or Console(
            file=sys.stderr, markup=False, emoji=False, highlight=False, soft_wrap=True, quiet=quiet
        )
        self._steps = 0
        self._trials: list[Trial] = []
        self._live: Live | None = None

    def step(self, title: str, why: str) -> None:
        self._steps += 1
        text = Text("\n" if self._steps > 1 else "")
        text.append(f" {self._steps} ", "bold black on cyan" if self.console.is_terminal else "")
        text.append(f" {title:<16}", "bold")
        text.append(why, "dim italic")
        self.console.print(text)

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        for name, value in rows:
            text = Text(f"     {name:<13} ", "dim") + Text(value, "bold green" if name == "test" else "")
            self.console.print(text)

    def outcome(self, outcome: Outcome) -> None:
        mark, style = _MARKS[outcome.passed]
        text = Text("   ")
        text.append(f"{mark} {outcome.id:<22} ", style)
        if outcome.passed is None:
            text.append(f"can't be judged here: {outcome.reason}", "dim")
        else:
            text.append(outcome.measured)
            text.append(f"   expected {outcome.expected}", "dim")
            if outcome.reason:
                text.append(f"\n     {outcome.reason}", "red")
        self.console.print(text)

    def trials(self, trials: Sequence[Trial]) -> None:
        self._trials = list(trials)

    def study(self, study: Study) -> None:
        self._trials = []
        for index, trial in enumerate(study.ranked()[:KEPT]):
            text = Text("   ")
            text.append("★ " if index == 0 else "  ", "yellow")
            text.append(line(trial, study.metric, len(study.trials)), "" if index == 0 else "dim")
            self.console.print(text)
        broken = [trial for trial in study.trials if trial.state == "broken"]
        if broken:
            self.console.print(Text(f"     {len(broken)} broken off: {broken[0].why}", "dim"))
        for widening in study.widenings:
            self.console.print(Text(f"     {widening}", "yellow"))
        for note in study.notes:
            self.console.print(Text(f"     {note}", "dim"))

    def verdict(self, verdict: Verdict) -> None:
        style = {"healthy": "bold green", "findings": "bold yellow"}.get(verdict.status, "dim")
        text = Text(f"     {'doctor':<13} ", "dim") + Text(verdict.status, style)
        if verdict.reason:
            text.append(f"  {verdict.reason}", "dim")
        self.console.print(text)
        for one in verdict.roots:
            mark = "✖" if one.severity == "error" else "!"
            self.console.print(Text(f"   {mark} {one.id:<22} ", "yellow") + Text(one.message))
            if one.remedies:
                self.console.print(Text(f"     try          {one.remedies[0].title}", "dim"))

    @contextlib.contextmanager
    def progress(self, title: str, total: float) -> Iterator[Callable[[float, str], None]]:
        if not self.console.is_terminal or self.console.quiet:
            yield lambda done, text: None
            return
        bar = Progress(
            TextColumn("    "),
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}", style="dim"),
            BarColumn(32, style="grey23", complete_style="cyan", finished_style="cyan"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", style="dim"),
            console=self.console,
        )
        task = bar.add_task(title, total=total, text="")
        with Live(_Parts(self, bar), console=self.console, transient=True, refresh_per_second=8):
            yield lambda done, text: bar.update(task, completed=min(done, total), text=text)

    def _best(self) -> list[Text]:
        """The best trials so far, best first."""
        ended = [trial for trial in self._trials if trial.score == trial.score]
        ranked = sorted(ended, key=lambda trial: (trial.rank, trial.epochs), reverse=True)[:SHOWN]
        return [Text(f"     {line(trial, 'accuracy', len(self._trials))}", "dim") for trial in ranked]


class _Parts:
    """What is live: the best trials, then the bar."""

    def __init__(self, teller: Teller, bar: Progress) -> None:
        self.teller, self.bar = teller, bar

    def __rich__(self) -> Any:
        return Group(*self.teller._best(), self.bar)
