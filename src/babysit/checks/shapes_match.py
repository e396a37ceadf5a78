"""Output and target have the same shape."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.remedies import MATCH_SHAPES
from . import Outcome, Train, check, look, sick
from ._words import failed, passed


@check
def shapes_match(recipe: Recipe, train: Train) -> Outcome:
    """Do output and target have one value for each other, without being broadcast?

    Why it matters: (N, 1) against (N,) gives all N x N differences. The best answer to that is the targets' mean, for
    every input; PyTorch only warns.

    Examples:
        >>> from babysit.testing import hand_written
        >>> same = {"criteria": [{"kind": "mse_loss", "output_shape": [8], "target_shape": [8]}], "output.broadcast": 0}
        >>> shapes_match(Recipe(), hand_written(criterion=same)).measured
        '(8) and (8)'
        >>> wide = {"criteria": [{"kind": "mse_loss", "output_shape": [8, 1], "target_shape": [8]}], "output.broadcast": 1}
        >>> shapes_match(Recipe(), hand_written(criterion=wide)).findings[0].id
        'loss-broadcasts'

    Source:
        Exact, from the shapes that the criterion got.
    """
    run = look(train, "criterion")
    criteria, own = run.fact("criteria") or [], run.fact("broadcast")
    shapes = own or ([criteria[0]["output_shape"], criteria[0]["target_shape"]] if criteria else None)
    measured = " and ".join(f"({', '.join(map(str, shape))})" for shape in shapes) if shapes else "shapes that fit"
    wide = [where for where, series in run.each("output.broadcast") if series.last]
    if not wide and not own:
        return passed("one target for each output", measured)
    number = int(wide[0].removeprefix("criterion") or 0) if wide and wide[0] else 0
    if wide and criteria and not own:
        pair = criteria[number]
        measured = f"({', '.join(map(str, pair['output_shape']))}) and ({', '.join(map(str, pair['target_shape']))})"
    found = sick("loss-broadcasts", f"Output and target, {measured}, are broadcast against each other: every output meets every target.",
                 evidence=(Evidence("output.broadcast", "", 0, 1.0, "0"),), remedies=(MATCH_SHAPES,))  # fmt: skip
    return failed("one target for each output", measured, "squeeze the output, or unsqueeze the target", found)
