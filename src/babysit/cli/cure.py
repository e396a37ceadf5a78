"""`babysit cure SCRIPT [ARGS…]`: find the fault in a training script and prove the remedy."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import RecipeError


@click.command("cure", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "module", is_flag=True, help="SCRIPT is a module's name, as in python -m.")
@click.option(
    "--time", "limit", metavar="TIME", help="Time for everything, such as 90s or 5m; default 10 x the script's."
)
@click.option("--steps", type=click.IntRange(1), help="Optimizer steps of each run, at most.")
@click.option("--jobs", type=click.IntRange(1), help="Runs side by side; default: the cores.")
@click.option("--sandbox", is_flag=True, help="Run in copies of this folder, so that nothing here is written.")
@click.option("--apply", "write", is_flag=True, help="Write the proven change into the script; a backup is kept.")
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON ('-': to stdout).")
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(script: str, arguments: tuple[str, ...], module: bool, **options: Any) -> None:
    """Watch a training script, try the remedies of what is found, and prove the one that helps.

    The script is run several times, unchanged on disk, each time with one thing changed while it runs.
    """
    from rich.console import Console

    console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)
    with console.status("loading PyTorch") if console.is_terminal else _quiet():
        from ..checker import source
        from ..checker.cure import cure
        from ..checker.program import Script
        from ..trainer.budget import seconds_of
        from ..views.terminal.cured import cure_text

    program = Script(script, arguments, module, options["sandbox"])
    tell = _teller(console)
    found = cure(program, time=seconds_of(options["limit"]), steps=options["steps"], jobs=options["jobs"], tell=tell)
    if options["json_file"]:
        _write(options["json_file"], json.dumps(found.to_dict()))
    if found.traceback:
        sys.stderr.write(found.traceback)
    out = (
        console if options["json_file"] == "-" else Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    )
    out.print(cure_text(found))
    if options["write"] and found.diff and found.best:
        backup = source.apply(Path(script), found.best.candidate.edit)
        console.print(f"{script} is changed; the old one is {backup}")
    if found.status == "not-cured" or (found.status == "unknown" and not found.failed):
        sys.exit(1)
    if found.failed:
        sys.exit(1)


class _quiet:
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def _teller(console: Any) -> Any:
    def tell(text: str) -> None:
        console.print(f"  {text}", style="dim")

    return tell


def _write(file: str, text: str) -> None:
    if file == "-":
        click.echo(text)
        return
    try:
        Path(file).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"--json needs a file that can be written, but {file}: {error.strerror}") from error
