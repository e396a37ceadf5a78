"""`babysit show RUN|STUDY`: a stored run, or the trials of a search, on one screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("show")
@click.argument("run", type=click.Path())
@click.option(
    "--all", "everything", is_flag=True, help="Show every layer (not only the 24 that are most ill), every trial."
)
@click.option("--json", "as_json", is_flag=True, help="Print the newest value of every reading (or the study) as JSON.")
def command(run: str, everything: bool, as_json: bool) -> None:
    """Show a stored run in the terminal: curves, layers, the verdict; of a search its trials. RUN is its folder."""
    import sys

    from ..views.source import open_record
    from ..views.terminal.judgement import console

    record, kind = open_record(run)
    if as_json:
        click.echo(_json(record) if kind == "run" else _study_json(record))
        return
    if kind == "study":
        _show_study(console(sys.stdout), run, record, everything)
        return
    from ..views.terminal.whole import run_text
    from ._judge import judge

    out = console(sys.stdout)
    for part in run_text(record, judge(record), all_layers=everything):
        out.print(part)


def _show_study(out: Any, folder: str, study: Any, everything: bool) -> None:
    """What the page's head says of it, then its trials."""
    from rich.text import Text

    from ..views.study import study_heading
    from ..views.terminal.hanging import Hanging
    from ..views.words import duration
    from ._rows import trial_rows
    from ._search_table import summary

    name = Text(f"{Path(folder).name or folder}  ", "bold")
    facts = [summary(study), *(one for one in study_heading(study)["facts"][1:] if one != duration(study.seconds))]
    out.print(Hanging(name, Text(" · ".join(facts), "dim"), len(name)))
    for one in [*study.widenings, *(found.message for found in study.findings)]:
        out.print(Hanging(Text("• "), Text(str(one)), 2))
    if study.ranked():
        out.print(Hanging(Text(), Text(study.legend(), "dim"), 0))
    for row in trial_rows(study, len(study.trials) if everything else 20, out.width if out.is_terminal else None, ""):
        out.print(row)


def _study_json(study: Any) -> str:
    import json

    return json.dumps(study.to_dict())


def _json(run) -> str:
    import json
    import math

    def plain(value: float) -> float | str:
        return value if math.isfinite(value) else str(value)

    readings = {what: {where: plain(run.last(what, where)) for where in run.places(what)} for what in run.whats()}
    findings = [finding.to_dict() for finding in run.findings]
    whole = {"schema": 1, "steps": run.step, "facts": run.facts, "readings": readings, "findings": findings}
    return json.dumps(whole, default=str)
