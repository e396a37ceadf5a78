"""`babysit show RUN`: a stored run on one screen."""

from __future__ import annotations

import click


@click.command("show")
@click.argument("run", type=click.Path())
@click.option("--all", "everything", is_flag=True, help="Show every layer, not only the 24 that are most ill.")
@click.option("--json", "as_json", is_flag=True, help="Print the newest value of every reading as one JSON object.")
def command(run: str, everything: bool, as_json: bool) -> None:
    """Show a stored run in the terminal: curves, layers, the verdict. RUN is its folder."""
    from ..record.store import read

    record = read(run)
    if as_json:
        click.echo(_json(record))
        return
    import sys

    from ..views.terminal.judgement import console
    from ..views.terminal.whole import run_text
    from ._judge import judge

    out = console(sys.stdout)
    for part in run_text(record, judge(record), all_layers=everything):
        out.print(part)


def _json(run) -> str:
    import json
    import math

    def plain(value: float) -> float | str:
        return value if math.isfinite(value) else str(value)

    readings = {what: {where: plain(run.last(what, where)) for where in run.places(what)} for what in run.whats()}
    findings = [finding.to_dict() for finding in run.findings]
    whole = {"schema": 1, "steps": run.step, "facts": run.facts, "readings": readings, "findings": findings}
    return json.dumps(whole, default=str)
