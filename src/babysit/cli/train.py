"""`babysit train SOURCE [field=value …]`: the whole recipe, told step by step."""

from __future__ import annotations

import os
import shlex
from time import perf_counter
from typing import Any

import click

from . import _page


@click.command(
    "train",
    epilog="Fields are those of a recipe: lr=1e-3 width=256 activation=tanh preprocess=whiten epochs=50 …",
)
@click.argument("source", required=False)
@click.argument("words", nargs=-1, metavar="[field=value]...")
@click.option("--out", metavar="FOLDER", help="Folder of the run; by default runs/<name>-<n>.")
@click.option("--time", "time", metavar="TIME", help="Budget such as 90s or 2m, split over the steps.")
@click.option("--search/--no-search", default=True, help="Look for better fields before training (the default).")
@click.option("--search-fields", metavar="A,B", help="Fields to search, such as lr,weight_decay,dropout,width.")
@click.option("--seed", type=click.IntRange(0), help="The same as seed=.")
@click.option("--device", help="auto, cpu, cuda, cuda:1, mps; the same as device=.")
@click.option("--resume", metavar="RUN", type=click.Path(), help="Go on with a run that was stopped.")
@click.option("--go-on", is_flag=True, help="Train even when a check before learning fails.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--quiet", is_flag=True, help="Tell nothing on the way.")
@_page.option
def command(source: str | None, words: tuple[str, ...], **options: Any) -> None:
    """Raise a network from data by the whole recipe.

    SOURCE is a bundled set (digits, wine, breast_cancer, iris, diabetes), a file, a folder, or a recipe.toml.
    """
    began = perf_counter()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads give their core back; read when torch loads
    resume = options["resume"]
    if (source is None) == (resume is None):
        raise click.UsageError("either a SOURCE or --resume RUN must be given")
    recipe, given, fields = (None, None, None) if source is None else _recipe(source, words, options)

    try:
        with _page.page(options["page"], resume or options["out"]):
            found = _train(recipe, given, fields, began, options)
    except KeyboardInterrupt as stopped:
        folder = getattr(stopped, "folder", None)
        if folder is None:
            raise
        click.echo(f"\nstopped and saved; go on with: {_again(folder, options)}", err=True)
        raise click.exceptions.Exit(130) from None
    if options["as_json"]:
        import json

        click.echo(json.dumps(found))
    else:
        click.echo(_line(found))


def _line(found: dict[str, Any]) -> str:
    """The result in one line: where it is, and how good on the test part."""
    name = next((name for name in ("accuracy", "r2") if name in found["test"]), None)
    if name is None:
        return f"{found['run']}  not tested: the test part is empty"
    low, high = found["test"]["interval"]
    return f"{found['run']}  test {name} {found['test'][name]:.4f}  (95 %: {low:.4f} … {high:.4f}; {found['test']['n']} examples)"


def _train(
    recipe: Any, given: set[str] | None, fields: list[str] | None, began: float, options: dict[str, Any]
) -> dict[str, Any]:
    """The training's result in plain values."""
    from ..trainer import train
    from ..trainer.budget import seconds_of
    from ..trainer.words import result
    from ._tell import Teller

    seconds = seconds_of(options["time"])
    run = train(
        recipe,
        out=options["out"],
        time=None if seconds is None else max(1.0, seconds - (perf_counter() - began)),
        search=_search() if options["search"] else None,
        fields=fields,
        resume=options["resume"],
        device=options["device"],
        go_on=options["go_on"],
        given=given,
        show=Teller(quiet=options["quiet"]),
    )
    return result(run)


def _recipe(source: str, words: tuple[str, ...], options: dict[str, Any]) -> tuple[Any, set[str], list[str] | None]:
    """The recipe, the fields that were given, and those to search."""
    import tomllib
    from pathlib import Path

    from ..record import Recipe
    from ..record.named import look_up

    searched = [word.partition("=")[2] for word in words if word.startswith("search=")]
    edit: dict[str, Any] = dict(Recipe.parse(word for word in words if not word.startswith("search=")))
    edit |= {name: options[name] for name in ("seed", "device") if options[name] is not None}
    if source.endswith(".toml"):
        recipe = Recipe.from_toml(source)
        given = set(tomllib.loads(Path(source).read_text(encoding="utf-8")))
    else:
        recipe, given = Recipe(data=source), {"data"}
    recipe = recipe.edit(edit)
    look_up(recipe.model)
    names = options["search_fields"] or (searched[-1] if searched else None)
    fields = [name.strip() for name in names.split(",") if name.strip()] if names else None
    return recipe, given | set(edit), fields


def _search() -> Any:
    from ..tuner.before_training import before_training

    return before_training


def _again(folder: Any, options: dict[str, Any]) -> str:
    words = ["babysit", "train", "--resume", str(folder)]
    words += ["--no-search"] * (not options["search"])
    if options["search_fields"]:
        words += ["--search-fields", options["search_fields"]]
    words += ["--go-on"] * options["go_on"] + ["--json"] * options["as_json"]
    return shlex.join(words)
