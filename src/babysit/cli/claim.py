"""`babysit claim NAME`: one statement of the lecture, re-measured."""

from __future__ import annotations

import click


@click.command("claim")
@click.argument("name", required=False)
@click.option(
    "--data",
    "place",
    metavar="SOURCE",
    default="digits",
    show_default=True,
    help="A bundled set, a file or a folder, with classes.",
)
@click.option("--target", metavar="COLUMN", help="A table's column to predict; by default its last.")
@click.option(
    "--seeds", type=click.IntRange(2), default=5, show_default=True, help="Trainings that each number rests on."
)
@click.option("--quick", is_flag=True, help="The smallest setting that still judges.")
@click.option(
    "--page", type=click.Path(dir_okay=False), metavar="FILE", help="Write it, with its figure, as an HTML page."
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON, a list of one.")
def command(name, place, target, seeds, quick, page, as_json) -> None:
    """Re-measure one statement of the lecture. Without NAME: list them all."""
    from ..claims import claims, find
    from ._claims import listed, run

    if name is None:
        listed(claims().values(), as_json)
    else:
        run([find(name).name], place, target, seeds, quick, 1, page, as_json, whole=True)
