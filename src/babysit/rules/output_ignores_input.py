"""The output is the same whatever the input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from . import found, rule
from ._progress import READS, grade, progress
from ._remedies import INIT_HE, LOWER_LR
from ._words import number


@rule(
    "output.between",
    *READS,
    family="symptom",
    explains=("loss-barely-changes", "minority-class-ignored", "underfitting"),
)
def output_ignores_input(run: Run, *, limit: float = 1e-3, least: int = 5, after: int = 50) -> Iterator[Finding]:
    """The output does not depend on the input.

    Why it matters: a network that gives every example the same answer has lost the input on the way.

    Usual causes: dead or saturated layers, an initialization too small, inputs squashed to nothing, labels that
    have nothing to do with the inputs.

    Told apart from: the first steps, class imbalance (answers still differ a little), an output activation that can't
    move (found by itself).

    Args:
        run: reads `output.between`, variance between examples over the output's total second moment.
        limit: share below which the output ignores the input.
        least: newest readings, whose median is taken.
        after: steps that are waited for.

    Examples:
        >>> sick = Run.of({"output.between": [1e-5] * 80, "loss.train": [2.3] * 80})
        >>> [finding.message for finding in output_ignores_input(sick)]
        ['The output is the same for every example: only 1e-05 of its variation comes from the input (expected above 0.001).']
        >>> list(output_ignores_input(Run.of({"output.between": [0.6] * 80, "loss.train": [2.3] * 80})))
        []

    Source:
        Karpathy, A recipe: compare with zeroed inputs. The threshold is a proposal.
    """
    series = run.series("output.between")
    values = series.values[np.isfinite(series.values)]
    if len(values) < least or run.step < after or progress(run).learning:
        return
    value = float(np.median(values[-least:]))
    if value >= limit:
        return
    yield found(
        severity=grade(run, "warning"),
        stage="symptom",
        confidence=0.2,
        step=int(series.steps[int(np.argmax(series.values < limit))]),
        message=f"The output is the same for every example: only {number(value)} of its variation comes from the input (expected above {number(limit)}).",
        evidence=[Evidence("output.between", "", run.step, value, f"> {number(limit)}", limit)],
        remedies=[INIT_HE, LOWER_LR],
    )
