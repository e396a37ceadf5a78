"""`babysit watch SCRIPT [ARGS…]`: a training script, unchanged, and what is wrong with its training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from . import _order, _page


@click.command("watch", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "as_module", is_flag=True, help="SCRIPT is a module's name, as in python -m.")
@click.option("--overhead", default="1%", show_default=True, help='Share of the time that watching may cost, or "all".')
@click.option("--out", type=click.Path(), help="Folder for the record.  [default: runs/watch-NAME-N]")
@click.option("--no-record", is_flag=True, help="Keep no record on disk.")
@click.option(
    "--json", "json_file", type=click.Path(), help='Write the verdict as JSON to this file ("-": standard output).'
)
@click.option("--fail-on", type=click.Choice(["error", "warning"]), help="Exit with 1 when there is such a finding.")
@click.option(
    "--stop-on", type=click.Choice(["error", "warning"]), help="End the training when such a finding is sure."
)
@click.option(
    "--sink",
    "sinks",
    multiple=True,
    metavar="NAME[:TARGET]",
    help="Also hand the readings to a tracker: tensorboard, wandb, mlflow or lines. May be given several times.",
)
@click.option("--steps", type=click.IntRange(min=1), help="End the training after so many optimizer steps.")
@click.option("--quiet", is_flag=True, help="Print nothing while it runs, only the verdict.")
@_page.option
@click.argument("script")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(
    as_module: bool,
    overhead: str,
    out: str | None,
    no_record: bool,
    json_file: str | None,
    fail_on: str | None,
    stop_on: str | None,
    sinks: tuple[str, ...],
    steps: int | None,
    quiet: bool,
    page: bool,
    script: str,
    args: tuple[str, ...],
) -> int:
    """Run a training script as Python would, and say what is wrong with its training.

    SCRIPT and its ARGS are what would follow `python`; our options stand before SCRIPT. Its own output and
    exit code are kept; what we have to say goes to the standard error.
    """
    from ..record import ranks

    number = ranks.rank()
    first = not number  # under torchrun one process speaks for all
    folder = None if no_record else Path(out) if out else free_folder(script)
    if first and folder is not None and (folder / "run.sqlite").exists():
        raise click.UsageError(
            f"{folder} holds a record already, and two runs in one can't be read: give another --out"
        )
    if folder is not None and not first:
        folder = ranks.place(folder.parent, number)
    if page and no_record:
        raise click.UsageError("--page shows the record: leave out --no-record")
    if first:
        _order.tell_misplaced(script, args)
    with _page.page(page and first, folder):
        from ..hosts.script import run_script
        from ..views.terminal.live import LiveBlock
        from ..watcher import watch

        with LiveBlock() as block:
            watcher = watch(
                overhead=overhead,
                steps=steps,
                out=folder,
                stop_on=stop_on if first else None,
                sinks=sinks if first else (),
                show=_Silent(block) if quiet or not first else block,
            )
            outcome = run_script(script, args, module=as_module, watcher=watcher)
            verdict, run = watcher.verdict, watcher.run
            if first and folder is not None and "RANK" in os.environ:
                verdict, run = _of_all(folder, verdict, run)
            if first:
                block.verdict(verdict, run)
    if outcome.ended == "stopped":
        click.echo(f"babysit: the training was ended: {outcome.reason}", err=True)
    if folder is not None and first:
        click.echo(f"babysit: the record is in {folder} (babysit diagnose {folder})", err=True)
    if json_file and first:
        _write(json_file, to_json(verdict, watcher))
    return outcome.code if outcome.failed or not first else exit_code(verdict, fail_on)


def _of_all(folder: Path, verdict: Any, run: Any) -> tuple[Any, Any]:
    """The judgement on what all processes saw, and their run; the first one's where it is alone."""
    from ..doctor import diagnose
    from ..record import ranks
    from ..record.store import Store, has_ended, read

    if not ranks.gather(folder.parent, folder, has_ended):
        return verdict, run
    whole = read(folder)
    verdict = diagnose(whole)
    store = Store(folder)
    store.set_findings(verdict.findings)
    store.close()
    return verdict, whole


class _Silent:
    """Shows nothing while it runs."""

    def __init__(self, block: Any) -> None:
        self.block = block

    def __call__(self, finding: Any) -> None:
        return None


def free_folder(script: str, base: Path = Path("runs"), verb: str = "watch") -> Path:
    """runs/VERB-NAME-N, N the first number that is free."""
    name = Path(script).stem.replace(".", "-") or "script"
    if name == "__main__":
        name = Path(script).resolve().parent.name
    number = 1
    while (base / f"{verb}-{name}-{number}").exists():
        number += 1
    return base / f"{verb}-{name}-{number}"


def to_json(verdict: Any, watcher: Any) -> dict[str, Any]:
    """The public JSON form, schema 1."""
    return {
        "schema": 1,
        "status": verdict.status,
        "steps": watcher.run.step,
        "seconds": round(watcher.run.seconds, 3),
        "overhead": round(watcher.overhead, 5),
        "findings": [finding.to_dict() for finding in verdict.findings],
    }


def exit_code(verdict: Any, fail_on: str | None) -> int:
    """0, or 1 when there is a finding as grave as `fail_on`."""
    from ..record.finding import SEVERITIES

    if fail_on is None:
        return 0
    limit = SEVERITIES.index(fail_on)  # type: ignore[arg-type]
    grave = [one for one in verdict.findings if SEVERITIES.index(one.severity) >= limit]
    return int(bool(grave))


def _write(file: str, value: dict[str, Any]) -> None:
    import json
    import math

    def plain(one: Any) -> Any:
        if isinstance(one, float) and not math.isfinite(one):
            return None
        if isinstance(one, dict):
            return {str(key): plain(inner) for key, inner in one.items()}
        return [plain(inner) for inner in one] if isinstance(one, list | tuple) else one

    text = json.dumps(plain(value), default=str, allow_nan=False)
    if file == "-":
        click.echo(text)
        return
    from ..errors import OutputError

    part = f"{file}.part"
    try:
        Path(part).write_text(text + "\n", encoding="utf-8")
        os.replace(part, file)
    except OSError as error:
        raise OutputError(f"the verdict must be written to {file}, but: {error.strerror or error}") from error
