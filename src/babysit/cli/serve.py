"""`babysit serve [FOLDER]`: the live page of a folder of runs."""

from __future__ import annotations

import click


@click.command("serve")
@click.argument("folder", default="runs", type=click.Path())
@click.option("--port", default=6006, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Another address than this machine's own asks for a token."
)
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@click.option("--beside", type=int, hidden=True, help="A socket that listens; end when the standard input closes.")
def command(folder: str, port: int, host: str, opens: bool, beside: int | None) -> None:
    """Open the live page of a folder of runs. It only reads; it is this machine's alone unless told otherwise."""
    from ..views.dashboard.serving import end_with_parent, serve
    from ._judge import judge

    if beside is not None:
        end_with_parent()
    served = serve(folder, host=host, port=port, judge=judge, listening=beside)
    click.echo(f"{served.url}   (Ctrl-C ends it)")
    if beside is None:  # beside a training what will be asked for isn't there yet
        served.ahead()
    if opens:
        import webbrowser

        webbrowser.open(served.url)
    served.run()
