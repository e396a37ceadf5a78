"""`--page`: the live page beside a command, as long as that runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

PORT = 6006
"""Tried first, so that a page that was open finds its server again; any free one where it is taken."""

option: Callable[[Any], Any] = click.option(
    "--page", is_flag=True, help="Open a live page beside it, and print its address."
)


@contextlib.contextmanager
def page(wanted: bool, folder: str | Path | None = None, *, kind: str = "run") -> Iterator[None]:
    """The live page of a folder of runs while the block runs; it says how to look again afterwards.

    Args:
        wanted: nothing happens without it.
        folder: the run's or study's own, where it is known; else the page is of `runs`.
        kind: "run" or "study".
    """
    if not wanted:
        yield
        return
    from ..errors import OutputError
    from ..views.dashboard.serving import Beside

    whole = Path("runs")
    inside = folder is None or Path(folder).resolve().parent == whole.resolve()
    served = whole if inside or folder is None else Path(folder)
    try:
        beside = Beside(served, port=PORT)
    except OutputError:
        beside = Beside(served)
    place = "" if folder is None else f"#/{kind}/{quote(Path(folder).name, safe='')}"
    click.echo(f"babysit: the page is at {beside.url}{place}", err=True)
    try:
        yield
    finally:
        beside.close()
        click.echo(f"babysit: the page has ended with it; babysit serve {served} opens it again", err=True)
