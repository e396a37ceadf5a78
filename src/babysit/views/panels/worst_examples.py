"""The examples with the worst loss: often wrong labels."""

from __future__ import annotations

import numpy as np

from ..facts import real, table
from ..panel import Images, Panel, Table, panel
from ..words import clean, number

MOST = 24


@panel("worst.examples", "fact:worst", order=64)
def worst_examples(run):
    """The validation examples that cost most: look for wrong labels first."""
    places = run.vector_places("worst.examples")
    if not places:
        return _listed(run)
    _, examples = run.vectors("worst.examples", places[0])[-1]
    examples = np.asarray(examples, float)
    if examples.ndim != 4 or not examples.size:
        return None
    told = table(run, "worst")
    pictures = []
    for index, one in enumerate(examples[:MOST]):
        facts = told[index] if index < len(told) else {}
        words = (
            [f"{clean(facts['true'], 16)}, taken for {clean(facts.get('predicted', '?'), 16)}"]
            if "true" in facts
            else []
        )
        words += [f"loss {number(facts['loss'], 2)}"] if real(facts.get("loss")) is not None else []
        pictures.append((", ".join(words), _picture(one)))
    return Panel("Worst examples", [Images(pictures)], note="The validation examples that cost most.")


def _listed(run) -> Panel | None:
    """Rows of a table that are no pictures: where they stand in their source, counted from 0."""
    told = [one for one in table(run, "worst") if "row" in one][:MOST]
    if not told:
        return None
    cell = lambda value: clean(number(value) if isinstance(value, float) else value, 40)  # noqa: E731
    rows = [[cell(one.get(name, "")) for name in ("row", "true", "predicted", "loss")] for one in told]
    return Panel(
        "Worst examples",
        [Table(("row of the source", "true", "predicted", "loss"), rows)],
        note="The validation examples that cost most.",
    )


def _picture(values: np.ndarray) -> np.ndarray:
    values = np.where(np.isfinite(values), values, 0.0)
    scaled = (values - values.min()) / ((values.max() - values.min()) or 1.0)
    return scaled.transpose(1, 2, 0) if len(scaled) == 3 else scaled.mean(axis=0)
