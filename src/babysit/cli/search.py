"""`babysit search SOURCE [SPACE]`: find good hyperparameters, coarse to fine."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from ..views.terminal.hanging import Hanging
from . import _page
from ._rows import trial_rows
from ._search_table import Live, summary

SHOWN = 10
"""Trials that are printed in the end."""


@click.command("search")
@click.argument("source")
@click.argument("words", nargs=-1, metavar="[DATA] [SPACE.toml] [FIELD=VALUE]…")
@click.option("--space", "space_file", metavar="FILE", help="The space, as TOML (or as a word that ends in .toml).")
@click.option("--fields", metavar="A,B", help="Recipe fields to search in their usual ranges, where no space is given.")
@click.option("--time", "limit", metavar="TIME", help="Time for everything, such as 90s or 5m.")
@click.option("--trials", type=click.IntRange(1), help="Trials in all; without it and --time, 100.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of a full training.")
@click.option("--folds", type=click.IntRange(1), default=1, show_default=True, help="Cross-validation with so many.")
@click.option("--method", default="staged", show_default=True, help="staged, random, grid, sobol, tpe, cmaes, gp.")
@click.option("--engine", default="auto", show_default=True, help="auto (measured), batched, vmap, solo.")
@click.option("--processes", is_flag=True, help="One process per core instead of threads.")
@click.option("--ray", "ray_address", metavar="ADDRESS", help="Spread over a Ray cluster: auto, or an address.")
@click.option("--workers", type=click.IntRange(1), help="Threads or processes; default: the cores.")
@click.option(
    "--seeds", type=click.IntRange(1), default=3, show_default=True, help="Seeds before a best one is believed."
)
@click.option(
    "--out", type=click.Path(path_type=Path),
    help="Folder of the search, by default runs/search-<name>-<n>; the same call with it goes on where it was.",
)  # fmt: skip
@click.option("--storage", metavar="URL", help="An Optuna storage, such as sqlite:///study.db.")
@click.option("--name", default="search", show_default=True, help="The study's name in the storage.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--report", "report_file", metavar="FILE", help="Write the search as one HTML file.")
@click.option("--json", "as_json", is_flag=True, help="Print the study as one JSON object.")
@_page.option
def command(source: str, words: tuple[str, ...], **options: Any) -> None:
    """Find good hyperparameters, coarse to fine, many networks at once.

    SOURCE is what `babysit train` takes (a bundled set, a file, a folder), a model factory
    (`mynet.py:make`, then DATA follows), or a training script (`train.py`, with --space).
    """
    import json

    from ..errors import TrainingError

    began = perf_counter()
    err = Console(file=sys.stderr, highlight=False)
    err.soft_wrap = not err.is_terminal
    arguments = _arguments(source, words, options)
    with _folder(source, options["out"]) as folder:
        try:
            with _page.page(options["page"], folder, kind="study"), Live(err) as live:
                from ..tuner import search
                from ..tuner.searching import seconds_of

                seconds = seconds_of(arguments["time"])
                if seconds is not None:  # loading PyTorch is a part of everything
                    arguments["time"] = max(1.0, seconds - (perf_counter() - began))
                study = search(on_trial=live.trial, on_progress=live.progress, **arguments, out=folder)
        except KeyboardInterrupt:
            if not _holds(folder):
                raise
            click.echo(f"stopped and saved; go on with: {_again(folder)}", err=True)
            raise click.exceptions.Exit(130) from None
    _tell(err, study)
    if options["report_file"]:
        _put(err, f"report: {study.report(options['report_file'])}")
    if options["as_json"]:
        click.echo(json.dumps(study.to_dict()))
    else:
        _table(study)
    _put(err, f"kept in {folder}; babysit report {folder} draws it")
    try:
        study.choice  # noqa: B018
    except ValueError as error:
        raise TrainingError(str(error)) from None


def _tell(err: Console, study: Any) -> None:
    """What stands beside the table: how it went, what was noticed, how to read it."""
    _put(err, summary(study), style="bold")
    for note in study.notes:
        _put(err, note, "  ", "dim")
    for one in [*study.widenings, *(found.message for found in study.findings)]:
        _put(err, str(one), "• ")
    if study.ranked():
        _put(err, study.legend(), style="dim")


def _put(err: Console, text: str, lead: str = "", style: str = "") -> None:
    err.print(Hanging(Text(lead), Text(text, style), len(lead)))


def _table(study: Any) -> None:
    """The best trials on the standard output: lines of a terminal's width, or one for each where it goes elsewhere."""
    out = Console(highlight=False)
    if not out.is_terminal:
        click.echo(study.table(SHOWN))
        return
    for row in trial_rows(study, SHOWN, out.width, ""):
        out.print(row)


@contextlib.contextmanager
def _folder(source: str, out: Path | None) -> Iterator[Path]:
    """The folder that was asked for, or runs/search-NAME-N, which is taken away again when no trial was ever kept in it."""
    if out is not None:
        yield out
        return
    from ..errors import OutputError
    from ..record.folders import name_for, numbered, take_away

    try:
        folder, above = numbered(Path("runs"), f"search-{name_for(source)}")
    except OSError as error:
        raise OutputError(f"the folder runs must be writable, but: {error.strerror or error}") from error
    try:
        yield folder
    finally:
        if not _holds(folder):
            take_away(folder, above)


def _holds(folder: Path) -> bool:
    """Is there a trial that has been trained?"""
    from ..errors import RecordError
    from ..views.source import read_study

    try:
        return any(trial.epochs for trial in read_study(folder).trials)
    except RecordError:
        return False


def _again(folder: Path) -> str:
    """The command that goes on with it: as it was called, with its folder."""
    context = click.get_current_context()
    told = ["babysit", "search", context.params["source"], *context.params["words"]]
    for one in context.command.params:
        value = context.params.get(one.name or "")
        given = context.get_parameter_source(one.name or "") is click.core.ParameterSource.COMMANDLINE
        if isinstance(one, click.Option) and given and one.name != "out":
            told += [one.opts[0]] if one.is_flag else [one.opts[0], str(value)]
    return shlex.join([*told, "--out", str(folder)])


def _arguments(source: str, words: tuple[str, ...], options: dict[str, Any]) -> dict[str, Any]:
    """The call of `babysit.search` that the command line means."""
    from ..errors import RecipeError
    from ..record import Recipe
    from ..record.named import look_up

    plain = [word for word in words if "=" not in word]
    edit = Recipe.parse(word for word in words if "=" in word)
    spaces = [word for word in plain if word.endswith(".toml")]
    others = [word for word in plain if not word.endswith(".toml")]
    if len(spaces) > 1 or (spaces and options["space_file"]):
        raise RecipeError("one space must be given, but there are several")
    if source.endswith(".py"):
        return _script(source, others, options, spaces)
    data = source
    if ":" in source and source.partition(":")[0].removesuffix(".py") != source.partition(":")[0]:
        if len(others) != 1:
            raise RecipeError(
                f"the data must follow the model: babysit search {source} DATA, but got {others or 'nothing'}"
            )
        edit["model"], data = source, others[0]
    elif others:
        raise RecipeError(f"one source must be given, but also got {' '.join(others)}")
    recipe = Recipe(data=data, epochs=30).edit(edit)
    look_up(recipe.model)
    return {"data": data, "recipe": recipe, **_common(options, spaces)}


def _script(source: str, others: list[str], options: dict[str, Any], spaces: list[str]) -> dict[str, Any]:
    from ..errors import RecipeError

    if not (spaces or options["space_file"]):
        raise RecipeError(f"a script's fields must be told: babysit search {source} --space space.toml")
    from ..tuner.scripts import training_of

    return {"train": training_of(source, others), **_common(options, spaces)}


def _common(options: dict[str, Any], spaces: list[str]) -> dict[str, Any]:
    names = [name.strip() for name in options["fields"].split(",")] if options["fields"] else None
    executor = "processes" if options["processes"] else "auto"
    if options["ray_address"]:
        executor = "ray" if options["ray_address"] == "auto" else f"ray:{options['ray_address']}"
    told = {name: options[name] for name in ("trials", "epochs", "folds", "method", "engine", "workers", "seeds",
                                             "storage", "name", "seed")}  # fmt: skip
    space = options["space_file"] or (spaces[0] if spaces else None)
    return {"space": space, "fields": names, "time": options["limit"], "executor": executor, **told}
