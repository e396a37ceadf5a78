"""The output can take the values that the targets have."""

from __future__ import annotations

import math

from ..record import Evidence, Recipe
from ..record.remedies import NO_LAST_ACTIVATION, STANDARDIZE_TARGETS
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed, unknown

_NUMBERS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "poisson_nll_loss")
_SCORES = ("cross_entropy", "binary_cross_entropy_with_logits", "multi_margin_loss")


@check
def targets_reachable(recipe: Recipe, train: Train, *, margin: float = 0.02) -> Outcome:
    """Can the network's last operation give the values that the targets have?

    Why it matters: a sigmoid ends at 1, a tanh at -1 and 1, a ReLU at 0. Targets beyond can never be reached, and at the
    bound the gradient is zero. A ReLU on the scores of a classifier can't say "surely not", and its zeros don't learn.

    Args:
        margin: how far beyond the bound targets may lie, as a share of their range.

    Examples:
        >>> from babysit.testing import hand_written
        >>> mse = {"criteria": [{"kind": "mse_loss"}], "target.min": -2.0, "target.max": 3.0}
        >>> targets_reachable(Recipe(), hand_written(criterion=mse)).passed
        True
        >>> targets_reachable(Recipe(), hand_written(criterion=mse | {"reach": [-1.0, 1.0, "tanh"]})).findings[0].id
        'output-cannot-reach-targets'

    Source:
        NeuraLint and DeepDiagnosis ask the same of layers' names; here it is the real operation.
    """
    run = look(train, "criterion")
    criteria, reach = run.fact("criteria") or [], run.fact("reach")
    kind = criteria[0]["kind"] if criteria else ""
    low, high = run.last("target.min"), run.last("target.max")
    if kind in _SCORES:
        expected = "any score"
        if reach is None or reach[2] not in ("relu", "tanh", "softplus", "exp"):
            return passed(expected, "nothing bounds the scores")
        if reach[2] == "relu" or (reach[2] == "tanh" and kind == "cross_entropy"):
            return _beyond(
                expected, reach, f"scores through a {reach[2]}", severity="error" if reach[2] == "relu" else "warning"
            )
        return passed(expected, f"a {reach[2]} bounds the scores")
    if kind not in _NUMBERS or not math.isfinite(low):
        return unknown("the targets' range", "", "the loss is none that compares outputs with targets as numbers")
    expected = f"{number(low)} to {number(high)}"
    if reach is None:
        return passed(expected, "nothing bounds the output")
    room = margin * max(high - low, 1e-12)
    if reach[0] <= low + room and reach[1] >= high - room:
        return passed(expected, f"{number(reach[0])} to {number(reach[1])} ({reach[2]})")
    return _beyond(expected, reach, f"targets from {number(low)} to {number(high)}")


def _beyond(expected: str, reach: list, what: str, severity: str = "error") -> Outcome:
    measured = f"{number(reach[0])} to {number(reach[1])} ({reach[2]})"
    found = sick("output-cannot-reach-targets", f"The output ends in a {reach[2]}, which gives {number(reach[0])} to {number(reach[1])}: {what}.",
                 severity=severity, evidence=(Evidence("fact:reach", "", 0, measured, expected),), remedies=(NO_LAST_ACTIVATION, STANDARDIZE_TARGETS))  # type: ignore[arg-type]  # fmt: skip
    return failed(
        expected, measured, f"take the {reach[2]} off the last layer, or scale the targets into its range", found
    )
