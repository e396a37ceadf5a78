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
from ..views.terminal.asked import outcome_text
from ..views.terminal.hanging import Hanging
from ..views.terminal.judgement import finding_text, note_text

SHOWN = 8
"""Trials shown while a search goes on."""
KEPT = 5
"""Trials that stay on the screen after it."""


class Teller:
    """A `Show` for people; plain lines where stderr is no terminal.

    Args:
        console: by default one on stderr.
        quiet: tell nothing but what goes wrong.
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self.console = console or Console(file=sys.stderr, markup=False, emoji=False, highlight=False, quiet=quiet)
        self.console.soft_wrap = not self.console.is_terminal
        self._steps = 0
        self._trials: list[Trial] = []
        self._live: Live | None = None

    def step(self, title: str, why: str) -> None:
        self._steps += 1
        if self._steps > 1:
            self.console.print()
        lead = Text.assemble((f" {self._steps} ", "bold black on cyan"), (f" {title:<16}", "bold"))
        self.console.print(Hanging(lead, Text(why, "dim italic"), 20))

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        for name, value in rows:
            self._fact(name, Text(value, "bold green" if name == "test" else ""))

    def _fact(self, name: str, value: Text) -> None:
        self.console.print(Hanging(Text(f"     {name:<13} ", "dim"), value, 19))

    def outcome(self, outcome: Outcome) -> None:
        for part in outcome_text(outcome, self.console.width if self.console.is_terminal else None, name=22):
            self.console.print(part)

    def trials(self, trials: Sequence[Trial]) -> None:
        self._trials = list(trials)

    def study(self, study: Study) -> None:
        self._trials = []
        for index, trial in enumerate(study.ranked()[:KEPT]):
            lead = Text("   ★ " if index == 0 else "     ", "yellow")
            told = Text(line(trial, study.metric, len(study.trials)), "" if index == 0 else "dim")
            self.console.print(Hanging(lead, told, 5))
        broken = [trial for trial in study.trials if trial.state == "broken"]
        if broken:
            self._note(f"{len(broken)} broken off: {broken[0].why}", "dim")
        for widening in study.widenings:
            self._note(str(widening), "yellow")
        for note in study.notes:
            self._note(note, "dim")

    def _note(self, text: str, style: str) -> None:
        self.console.print(Hanging(Text(), Text(text, style), 5))

    def verdict(self, verdict: Verdict) -> None:
        style = {"healthy": "bold green", "findings": "bold yellow"}.get(verdict.status, "dim")
        self._fact(
            "doctor", Text.assemble((verdict.status, style), (f"  {verdict.reason}" * bool(verdict.reason), "dim"))
        )
        for one in verdict.roots:
            self.console.print()
            for part in note_text(one) if one.severity == "info" else finding_text(one):
                self.console.print(part)

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
