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
from ..record.study import Study
from ..views.terminal.asked import outcome_text
from ..views.terminal.hanging import Hanging
from ..views.terminal.judgement import finding_text, note_text
from ._rows import trial_rows

SHOWN = 5
"""Trials shown while a search goes on."""
BESIDE = 36
"""Columns of a progress line beside its bar."""
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
        self._study: Study | None = None

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
        for part in outcome_text(
            outcome, self.console.width if self.console.is_terminal else None, name=22, timed=False
        ):
            self.console.print(part)

    def trials(self, study: Study) -> None:
        self._study = study

    def study(self, study: Study) -> None:
        self._study = None
        if study.ranked():
            self._note(study.legend(), "dim")
        for row in trial_rows(study, KEPT, self._width, "   "):
            self.console.print(row)
        broken = [trial for trial in study.trials if trial.state == "broken"]
        if broken:
            self._note(f"{len(broken)} broken off, such as: {broken[0].why}", "dim")
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
            BarColumn(
                max(8, min(32, self.console.width - BESIDE)),
                style="grey23",
                complete_style="cyan",
                finished_style="cyan",
            ),
            TimeElapsedColumn(),
            console=self.console,
        )
        task = bar.add_task(title, total=total)
        parts = _Parts(self, bar)

        def update(done: float, text: str) -> None:
            parts.text = text
            bar.update(task, completed=min(done, total))

        with Live(parts, console=self.console, transient=True, refresh_per_second=8):
            yield update

    @property
    def _width(self) -> int | None:
        return self.console.width if self.console.is_terminal else None

    def _best(self) -> list[Text]:
        """The best trials so far, best first."""
        if self._study is None:
            return []
        return trial_rows(self._study, SHOWN, self._width, "   ")[: max(3, self.console.height - 4)]


class _Parts:
    """What is live: the best trials, then the bar, then where it stands."""

    def __init__(self, teller: Teller, bar: Progress) -> None:
        self.teller, self.bar, self.text = teller, bar, ""

    def __rich__(self) -> Any:
        said = [Hanging(Text(), Text(self.text, "dim"), 7)] if self.text else []
        return Group(*self.teller._best(), self.bar, *said)
