"""`babysit export RUN --onnx`: a trained model for elsewhere."""

from __future__ import annotations

import click


@click.command("export")
@click.argument("run", type=click.Path())
@click.option("--onnx", is_flag=True, help="As ONNX, preprocessing included, checked against the original.")
@click.option("-o", "--out", metavar="FILE", help="By default model.onnx in the run's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(run: str, onnx: bool, out: str | None, as_json: bool) -> None:
    """Write the model in the folder RUN for use without babysit."""
    if not onnx:
        raise click.UsageError("a format must be given: --onnx")
    from ..trainer import export_onnx

    path, difference = export_onnx(run, out)
    if as_json:
        import json

        click.echo(json.dumps({"schema": 1, "run": run, "file": str(path), "largest_difference": difference}))
        return
    click.echo(path)
    click.echo(f"its outputs differ from the original's by {difference:.1e} at most (onnxruntime)", err=True)
