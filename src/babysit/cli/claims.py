"""`babysit claims`: every statement of the lecture, re-measured."""

from __future__ import annotations

import click


@click.command("claims")
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
@click.option("--quick", is_flag=True, help="The smallest settings that still judge.")
@click.option("--only", metavar="TEXT", help="Claims with this in their name or section.")
@click.option("--workers", type=click.IntRange(1), help="Processes; by default one a core, two at most.")
@click.option("--page", type=click.Path(dir_okay=False), metavar="FILE", help="Write all of it as one HTML page.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of verdicts as JSON.")
def command(place, target, seeds, quick, only, workers, page, as_json) -> None:
    """Re-measure what the lecture says, on this machine and these data.

    Each claim says beforehand what would make it hold; what fails is told failing.
    """
    from ..claims import claims
    from ..errors import RecipeError
    from ._claims import run

    names = [
        name
        for name, one in claims().items()
        if not only or only.lower().replace(" ", "-") in f"{name} {one.section.part}".lower().replace(" ", "-")
    ]
    if not names:
        raise RecipeError(
            f"some claim must have {only!r} in its name or section, but none has: `babysit claim` lists them"
        )
    run(names, place, target, seeds, quick, workers, page, as_json, whole=False)
