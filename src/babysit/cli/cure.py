"""`babysit cure SCRIPT [ARGS…]`: find the fault in a training script and prove the remedy."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import OutputError
from . import _order, _page


@click.command("cure", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "module", is_flag=True, help="SCRIPT is a module's name, as in python -m.")
@click.option(
    "--time", "limit", metavar="TIME", help="Time for everything, such as 90s or 5m; default 10 x the script's."
)
@click.option("--steps", type=click.IntRange(1), help="Optimizer steps of each run, at most.")
@click.option("--jobs", type=click.IntRange(1), help="Runs side by side; default: the cores.")
@click.option(
    "--ray", "address", metavar="ADDRESS", help='Spread the tries over a Ray cluster ("auto": this machine\'s).'
)
@click.option("--sandbox", is_flag=True, help="Run in copies of this folder, so that nothing here is written.")
@click.option("--apply", "write", is_flag=True, help="Write the proven change into the script; a backup is kept.")
@click.option("--out", type=click.Path(), help="Folder for the record.  [default: runs/cure-NAME-N]")
@click.option("--no-record", is_flag=True, help="Keep no record on disk.")
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON ('-': to stdout).")
@_page.option
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(script: str, arguments: tuple[str, ...], module: bool, **options: Any) -> None:
    """Watch a training script, try the remedies of what is found, and prove the one that helps.

    The script is run several times, unchanged on disk, each time with one thing changed while it runs. What follows
    SCRIPT goes to it: our options stand before, as in `babysit cure --apply train.py --epochs 5`.
    """
    if options["page"] and options["no_record"]:
        raise click.UsageError("--page shows the record: leave out --no-record")
    _order.tell_misplaced(script, arguments)
    console = _console(sys.stderr)
    out = None if options["no_record"] else _folder(options["out"], script)
    with _page.page(options["page"], out):
        found = _cured(script, arguments, module, out, options, console)
    if options["json_file"]:
        _write(options["json_file"], json.dumps(found.to_dict()))
    from ..views.terminal.cured import cure_text

    if found.traceback:
        sys.stderr.write(found.traceback)
    shown = console if options["json_file"] == "-" else _console(sys.stdout)
    shown.print(cure_text(found))
    if found.folder and found.best:
        console.print(f"babysit: the record, with the proof, is in {found.folder} (babysit show {found.folder})")
    if options["write"]:
        _apply(found, script, module, console)
    sys.exit(1 if found.failed or found.status in ("not-cured", "unknown") else 0)


def _cured(
    script: str, arguments: tuple[str, ...], module: bool, out: Path | None, options: dict[str, Any], console: Any
) -> Any:
    from rich.text import Text

    from ..views.terminal.hanging import Hanging

    with console.status("loading PyTorch") if console.is_terminal else _quiet():
        from ..checker.cure import cure
        from ..checker.program import Script
        from ..trainer.budget import seconds_of

    program = Script(script, arguments, module, options["sandbox"])
    program.check()
    with _cluster(options["address"]) as spread:
        return cure(
            program, time=seconds_of(options["limit"]), steps=options["steps"], jobs=options["jobs"] or spread.get("jobs"),
            out=out, tell=lambda text: console.print(Hanging(Text("  "), Text(text, "dim"), 2)),
            **{k: v for k, v in spread.items() if k != "jobs"},
        )  # fmt: skip


def _console(stream: Any) -> Any:
    """Lines wrap on a terminal only."""
    from ..views.terminal.judgement import console

    made = console(stream)
    made.soft_wrap = not made.is_terminal
    return made


def _folder(told: str | None, script: str) -> Path:
    from .watch import free_folder

    return Path(told) if told else free_folder(script, verb="cure")


class _cluster:
    """`runs` and `jobs` of a Ray cluster, where one is asked for."""

    def __init__(self, address: str | None) -> None:
        self.address, self.ray = address, None

    def __enter__(self) -> dict[str, Any]:
        if self.address is None:
            return {}
        from ..checker.ray import Ray

        self.ray = Ray(self.address)
        return {"runs": self.ray.runs, "jobs": self.ray.jobs}

    def __exit__(self, *error: object) -> None:
        if self.ray is not None:
            self.ray.close()


def _apply(found: Any, script: str, module: bool, console: Any) -> None:
    """Write the proven change, or say why not."""
    if found.best is None:
        return
    if module or not found.diff:
        console.print("nothing was written: this change has no single place in the source; make it by hand")
        return
    from ..checker import source

    backup = source.apply(Path(script), found.best.candidate.edit)
    console.print(f"{script} is changed; the old one is {backup}")


class _quiet:
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def _write(file: str, text: str) -> None:
    if file == "-":
        click.echo(text)
        return
    part = f"{file}.part"
    try:
        Path(part).write_text(text + "\n", encoding="utf-8")
        os.replace(part, file)
    except OSError as error:
        raise OutputError(f"the result must be written to {file}, but: {error.strerror or error}") from error
