"""`babysit predict RUN FILE`: a trained model on new examples."""

from __future__ import annotations

import click


@click.command("predict")
@click.argument("run", type=click.Path())
@click.argument("examples", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of CSV.")
def command(run: str, examples: str, as_json: bool) -> None:
    """Use the model in the folder RUN on new EXAMPLES: a CSV, TSV, Parquet or npz file, an image, a folder of images.

    Prints CSV: the example, the prediction, the probability of each class.
    """
    from ..trainer import predict

    found = predict(run, examples)
    if not as_json:
        click.echo(found.to_csv(), nl=False)
        return
    import json

    click.echo(json.dumps({"schema": 1, "run": run, "classes": list(found.classes), "predictions": found.rows()}))
