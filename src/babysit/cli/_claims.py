"""Tells claims on the terminal: a bar while they are measured, then each verdict with what it rests on."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..views.terminal.hanging import Hanging

MARKS = {"holds": ("✔", "green"), "does-not-hold": ("✖", "red"), "depends": ("◐", "yellow")}
WIDTH = 120  # of what is piped or written to a file
WORDS = {"holds": "holds here", "does-not-hold": "does not hold here", "depends": "depends"}


def run(names, place, target, seeds, quick, workers, page, as_json, *, whole) -> None:
    """Measure, tell, write the page; ends with exit code 1 where a claim couldn't be measured.

    Interrupted, it tells and writes what was measured until then, and ends with 130.
    """
    from ..claims import claims
    from ..claims._measure import Failed, Order, measure, one
    from ..claims._page import Occasion, write_page

    out, err = _console(sys.stdout), _console(sys.stderr)
    began, found, failed, interrupted = time.perf_counter(), {}, [], False
    bar = Progress(
        SpinnerColumn(style="cyan"), TextColumn("{task.description}", style="dim"), BarColumn(32, style="grey23", complete_style="cyan", finished_style="cyan"),
        MofNCompleteColumn(), TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal,
    )  # fmt: skip
    order = Order(place, target, seeds, quick)
    shown = bar.console if err.is_terminal and out.is_terminal else out  # on one screen, the bar makes room
    shown.soft_wrap = not whole and not shown.is_terminal
    with bar:
        task = bar.add_task(names[0] if len(names) == 1 else "measuring", total=len(names))
        if workers == 1 and len(names) == 1:
            results: Iterable[Any] = (one(name, order) for name in names)
        else:
            results = measure(names, order, workers=workers)
        try:
            for result in results:
                bar.update(task, advance=1, description=result.id)
                if isinstance(result, Failed):
                    failed.append(result)
                else:
                    found[result.id] = result
                    if not as_json and not whole:
                        shown.print(line(result, shown))
        except KeyboardInterrupt:
            interrupted = True
    verdicts = [found[name] for name in claims() if name in found]
    if failed and not verdicts:
        raise failed[0].error
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in verdicts], indent=1))
    elif whole:
        for verdict in verdicts:
            tell(out, verdict)
    elif verdicts:
        counts = Counter(one.verdict for one in verdicts)
        told = ", ".join(
            f"{counts[kind]} {words}"
            for kind, many in (("holds", "hold"), ("depends", "depend"), ("does-not-hold", "do not hold"))
            for words in ([kind.replace("-", " ")] if counts[kind] == 1 else [many])
            if counts[kind]
        )
        out.print(
            Text(
                f"\n{len(verdicts)} claims on {place}, {seeds} seeds, {time.perf_counter() - began:.0f} s: {told}",
                "bold",
            )
        )
    for each in failed:
        err.print(Text(f"✖ {each.id} could not be measured: {each.error}", "red"))
    if page and verdicts:
        path = write_page(page, verdicts, Occasion.now(time.perf_counter() - began, quick))
        err.print(Text(f"the page: {path}", "dim"))
    if interrupted:
        err.print(Text(f"interrupted: {len(verdicts)} of {len(names)} claims were measured", "yellow"))
        raise click.exceptions.Exit(130)
    if failed:
        raise click.exceptions.Exit(1)


def line(verdict, out: Console) -> Hanging:
    """A verdict in one line, its numbers below its name where there is no room beside it."""
    mark, style = MARKS[verdict.verdict]
    wide = out.width >= 100 or not out.is_terminal
    lead = Text.assemble((f"{mark} ", style), f"{verdict.id:<62}" if wide else verdict.id)
    setting = verdict.settings[0]
    text = Text(setting.criterion.number(verdict.effect), style)
    if verdict.interval[0] != verdict.interval[1]:
        low, high = (setting.criterion.number(one) for one in verdict.interval)
        text.append(f"  {low} … {high}", "not bold default dim")
    return Hanging(lead, text, 64 if wide else 4)


def tell(out: Console, verdict) -> None:
    """A verdict with all that it rests on."""
    mark, style = MARKS[verdict.verdict]
    out.print()
    out.print(
        Text.assemble((f"{mark} {WORDS[verdict.verdict]}", f"bold {style}"), ("  ", ""), (verdict.statement, "bold"))
    )
    if verdict.depends_on:
        out.print(Padding(Text(verdict.depends_on, style), (0, 0, 0, 2), expand=False))
    out.print()
    for setting in verdict.settings:
        mark, style = MARKS[setting.verdict]
        text = Text.assemble((f"{mark} ", style), (f"{setting.name}: " if setting.name else "", "bold"), setting.told)
        out.print(Padding(text, (0, 0, 0, 2), expand=False))
        out.print(Padding(Text(f"said beforehand: {setting.criterion.words}", "dim"), (0, 0, 0, 4), expand=False))
    out.print()
    out.print(Padding(Text(verdict.why), (0, 0, 0, 2), expand=False))
    if verdict.beside:
        out.print(Padding(Text(verdict.beside, "italic"), (1, 0, 0, 2), expand=False))
    out.print()
    grid = Table.grid(padding=(0, 2))
    for name, value in (
        ("from", f"{verdict.section.title}\n{verdict.section.url}"), ("paper", f"{verdict.paper.name}\n{verdict.paper.url}".strip()),
        ("data", verdict.data), ("sure", f"{verdict.seeds} seeds; {verdict.method}"), ("again", verdict.command), ("took", f"{verdict.seconds:.1f} s"),
    ):  # fmt: skip
        grid.add_row(Text(name, "dim"), Text(value))
    out.print(Padding(grid, (0, 0, 0, 2), expand=False))


def listed(known: Iterable[Any], as_json: bool) -> None:
    """All claims, by section."""
    known = list(known)
    if as_json:
        click.echo(
            json.dumps(
                [
                    {"id": one.name, "statement": one.statement, "section": one.section.title, "paper": one.paper.name}
                    for one in known
                ],
                indent=1,
            )
        )
        return
    out, part = _console(sys.stdout), ""
    out.soft_wrap = not out.is_terminal
    for one in known:
        if one.section.part != part:
            part = one.section.part
            out.print(Text(f"\n{part}", "bold"), soft_wrap=True)
        wide = out.width >= 120 or not out.is_terminal
        out.print(
            Hanging(
                Text(f"  {one.name:<62}" if wide else f"  {one.name}", "cyan"),
                Text(one.statement, "dim"),
                64 if wide else 6,
            )
        )


def _console(file) -> Console:
    return Console(file=file, markup=False, emoji=False, highlight=False, width=None if file.isatty() else WIDTH)
