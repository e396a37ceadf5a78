"""`babysit diagnose RUN`: judge a stored run again."""

from __future__ import annotations

import click


@click.command("diagnose")
@click.argument("run", type=click.Path())
@click.option(
    "--json", "json_to", type=click.Path(dir_okay=False), help="Write the verdict as JSON to this file; - prints it."
)
@click.option(
    "--fail-on", type=click.Choice(["error", "warning"]), help="Exit with 1 when there is a finding this severe."
)
@click.option("--allow", multiple=True, metavar="NAME", help="Leave this finding out (may be given again).")
def command(run: str, json_to: str | None, fail_on: str | None, allow: tuple[str, ...]) -> int:
    """Judge a stored run: what is wrong, on what evidence, and what to change. RUN is its folder."""
    from ..doctor import all_rules, diagnose
    from ..errors import BabysitError, did_you_mean
    from ..record.store import read

    rules = all_rules()
    names = {rule.name for rule in rules}
    for name in allow:
        if name not in names:
            raise BabysitError(f"there is no finding {name!r}{did_you_mean(name, names, 'babysit explain')}")
    record = read(run)
    verdict = diagnose(record, rules, allow=allow)
    whole = verdict.to_dict(seconds=_seconds(record), overhead=float(record.fact("overhead") or 0.0))
    if json_to != "-":
        _print(verdict, record)
    if json_to:
        _write(json_to, whole)
    for name, error in verdict.failed.items():
        click.echo(f"babysit: the rule {name} broke and was left out: {error}", err=True)
    return 1 if verdict.fails(fail_on) else 0


def _seconds(record) -> float:
    from ..views.verdict import span

    return span(record)


def _print(verdict, record) -> None:
    import sys

    from ..views.terminal.judgement import console, verdict_text

    out = console(sys.stdout)
    for part in verdict_text(verdict, record):
        out.print(part)


def _write(path: str, whole: dict) -> None:
    import json
    import os
    from pathlib import Path

    from ..errors import OutputError

    text = json.dumps(whole, indent=1, allow_nan=False)
    if path == "-":
        click.echo(text)
        return
    part = Path(f"{path}.part")
    try:
        part.write_text(text + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f"{path} must be writable, but: {error.strerror}") from error
