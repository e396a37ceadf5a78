"""`babysit report RUN|STUDY`: one self-contained HTML file, and pictures."""

from __future__ import annotations

import click


@click.command("report")
@click.argument("run", type=click.Path())
@click.option(
    "-o",
    "--out",
    default=None,
    type=click.Path(dir_okay=False),
    help="The file to write; report.html in the run's folder by default.",
)
@click.option(
    "--png", default=None, type=click.Path(file_okay=False), help="Write each figure as a PNG into this folder too."
)
@click.option(
    "--svg", default=None, type=click.Path(file_okay=False), help="Write each figure as an SVG into this folder too."
)
@click.option("--dark", is_flag=True, help="Pictures in the dark scheme.")
def command(run: str, out: str | None, png: str | None, svg: str | None, dark: bool) -> None:
    """Write a run or study as one HTML file. RUN is its folder."""
    from pathlib import Path

    from ..views.page import report
    from ..views.panel import panels
    from ..views.source import open_record
    from ._judge import judge

    record, kind = open_record(run)
    path = report(record, out or Path(run) / "report.html", verdict=judge(record) if kind == "run" else None)
    written = [path]
    for folder, suffix in ((png, "png"), (svg, "svg")):
        if folder:
            from ..views.picture import pictures

            written += pictures(panels(record, kind), folder, suffix, dark=dark)  # type: ignore[arg-type]
    for one in written:
        click.echo(str(one))
