"""`babysit check SCRIPT|SOURCE [field=value …|arguments]`: the questions that save hours, before training."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..checks import Check, Outcome
    from ..views.terminal.hanging import Hanging


@click.command(
    "check",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
    epilog="For a script, words after it are its own arguments (put -- before them where they look like ours). "
    "Exit code: 0 nothing failed, 1 a check failed, 2 usage, 3 data or script unreadable.",
)
@click.argument("source", required=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[field=value | argument]...")
@click.option("--time", "time", default="10s", show_default=True, metavar="TIME", help="For all checks together.")
@click.option(
    "--wait", default="60s", show_default=True, metavar="TIME", help="For a script to come to its first steps."
)
@click.option("--json", "json_to", metavar="FILE", help="Write the result as one JSON object; - prints it.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="warning",
    show_default=True,
    help="The least severity that makes the exit code 1.",
)
@click.option("--only", metavar="NAME,…", help="Ask these checks only.")
@click.option("--list", "listing", is_flag=True, help="List all checks and end.")
def command(source: str | None, words: tuple[str, ...], **options: Any) -> None:
    """Ask the questions that save hours, before training.

    SOURCE is a training script, which is run unchanged for its first steps, or what `babysit train` takes: a bundled
    set (digits, wine …), a file, a folder, or a recipe.toml.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if options["listing"]:
        _list()
        return
    if source is None:
        raise click.UsageError("a SCRIPT or SOURCE must be given (or --list)")
    from rich.console import Console

    from ..checker.check import Report, chosen
    from ..views.terminal.asked import outcome_text

    names = [name.strip() for name in options["only"].split(",") if name.strip()] if options["only"] else None
    checks = chosen(names)
    import time as clock

    began = clock.perf_counter()
    to_stdout = options["json_to"] == "-"
    console = Console(stderr=to_stdout, highlight=False, emoji=False, markup=False)
    console.soft_wrap = not console.is_terminal
    report = Report(what=source)
    failed = None
    try:
        for outcome in _told(_outcomes(source, words, checks, options), len(checks), console):
            report.outcomes.append(outcome)
            for part in outcome_text(outcome, console.width if console.is_terminal else None):
                console.print(part)
    except Exception as error:
        if type(error).__name__ != "ScriptFailed":
            raise
        failed = error
    report.seconds = clock.perf_counter() - began
    if failed is not None:
        click.echo(f"babysit: {failed}", err=True)
        raise click.exceptions.Exit(3)
    console.print()
    console.print(_verdict(report))
    if options["json_to"]:
        _write(report.to_dict(), options["json_to"])
    levels = ("error",) if options["fail_on"] == "error" else ("error", "warning")
    if any(finding.severity in levels for finding in report.findings):
        raise click.exceptions.Exit(1)


def _outcomes(source: str, words: tuple[str, ...], checks: list[Check], options: dict[str, Any]) -> Iterator[Outcome]:
    from ..trainer.budget import seconds_of

    seconds, wait = seconds_of(options["time"]) or 10.0, seconds_of(options["wait"]) or 60.0
    if source.endswith(".py"):
        from ..checker.check_script import check_script
        from ..checker.program import Script

        script = Script(source, words)
        script.check()
        return check_script(script, checks, seconds, wait)
    from ..checker.check import check_recipe
    from ..record import Recipe

    recipe = Recipe.from_toml(source) if source.endswith(".toml") else Recipe(data=source)
    return check_recipe(recipe.edit(Recipe.parse(words)), checks, seconds)


def _told(outcomes: Iterator[Outcome], count: int, console: Any) -> Iterator[Outcome]:
    """The outcomes, with a sign of life while one is awaited."""
    if not console.is_terminal:
        yield from outcomes
        return
    with console.status("running the first steps …", spinner="dots", spinner_style="cyan") as status:
        for number, outcome in enumerate(outcomes, 1):
            yield outcome
            status.update(f"asking {number} of {count} …")


def _verdict(report: Any) -> Hanging:
    from rich.text import Text

    from ..views.terminal.hanging import Hanging

    counts = [sum(one.passed is value for one in report.outcomes) for value in (True, False, None)]
    text = Text()
    if counts[1]:
        names = ", ".join(finding.id for finding in report.findings if finding.severity != "info")
        text.append(f"{counts[1]} failed", "bold red")
        text.append(f" ({names})" if names else "", "red")
    else:
        text.append(
            "nothing failed" if counts[0] else "nothing could be judged", "bold green" if counts[0] else "yellow"
        )
    text.append(f", {counts[0]} passed", "dim")
    text.append(f", {counts[2]} not judged here" if counts[2] else "", "dim")
    text.append(f", {report.seconds:.1f} s", "dim")
    return Hanging(Text(" "), text, 1)


def _write(plain: dict[str, Any], to: str) -> None:
    import json
    from pathlib import Path

    from ..errors import OutputError

    text = json.dumps(plain)
    if to == "-":
        click.echo(text)
        return
    try:
        fresh = Path(to).with_name(f".{Path(to).name}.new")
        fresh.write_text(text + "\n", encoding="utf-8")
        os.replace(fresh, to)
    except OSError as error:
        raise OutputError(f"{to} must be writable, but: {error.strerror or error}") from error


def _list() -> None:
    import sys

    from rich.text import Text

    from ..checks import Check
    from ..registry import members
    from ..views.terminal.hanging import Hanging
    from ..views.terminal.judgement import console

    out = console(sys.stdout)
    out.soft_wrap = not out.is_terminal
    found: dict[str, Any] = members("babysit.checks", Check)
    for check in sorted(found.values(), key=lambda one: (one.cost, one.gate or 99, one.name)):
        out.print(Hanging(Text(f"{check.name:<26} ", "cyan"), Text(check.title), 27))
