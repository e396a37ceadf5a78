"""The output is the same whatever the input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.apart import apart
from ..record.remedies import INIT_HE, LOWER_LR, advice
from . import found, rule
from ._progress import READS, grade, progress
from ._words import number

FOLLOW = advice(
    "Follow the input through forward: what of it reaches the next line?",
    "x = self.embed(tokens) + self.position(places)  # not the positions alone",
)


@rule(
    "output.between",
    "activation.dead",
    "fact:dependency",
    *READS,
    family="symptom",
    explains=("loss-barely-changes", "minority-class-ignored", "underfitting", "labels-independent-of-inputs", "too-few-updates"),
)  # fmt: skip
def output_ignores_input(run: Run, *, limit: float = 1e-3, least: int = 5, after: int = 50) -> Iterator[Finding]:
    """The output does not depend on the input.

    Why it matters: a network that gives every example the same answer has lost the input on the way.

    Usual causes: dead or saturated layers, an initialization too small, inputs squashed to nothing, labels that
    have nothing to do with the inputs, a forward pass that forgets its input.

    Told apart from: the first steps, class imbalance (answers still differ a little), an output activation that can't
    move (found by itself).

    Args:
        run: reads `output.between`, variance between examples over the output's total second moment, and the fact
            `dependency`: what another input changed in the output of a copy of the model, exactly nothing where it is 0.
        limit: share below which the output ignores the input.
        least: newest readings, whose median is taken.
        after: steps that are waited for.

    Examples:
        >>> sick = Run.of({"output.between": [1e-5] * 80, "loss.train": [2.3] * 80})
        >>> [finding.message for finding in output_ignores_input(sick)]
        ['The output is the same for every example: only 1e-05 of its variation comes from the input (expected above 0.001).']
        >>> list(output_ignores_input(Run.of({"output.between": [0.6] * 80, "loss.train": [2.3] * 80})))
        []
        >>> fact = {"dependency": {"input": 0.0, "examples": 0.0}}
        >>> [finding.stage for finding in output_ignores_input(Run.of({"loss.train": [2.3] * 80}, facts=fact))]
        ['confirmed']

    Source:
        Karpathy, A recipe: compare with zeroed inputs. The threshold is a proposal.
    """
    if (run.fact("dependency") or {}).get("input") == 0 and run.step >= after and not _dead(run):
        yield found(
            severity="error",
            stage="confirmed",
            confidence=0.9,
            message="The output does not change at all when the model gets other inputs: the forward pass loses what it is given.",
            evidence=[Evidence("fact:dependency", "input", run.step, 0.0, "above 0")],
            remedies=[FOLLOW],
        )
        return
    series = run.series("output.between")
    values = series.values[np.isfinite(series.values)]
    if len(values) < least or run.step < after or progress(run).learning:
        return
    value = float(np.median(values[-least:]))
    if value >= limit:
        return
    little, least_of = apart(value, limit, number)
    yield found(
        severity=grade(run, "warning"),
        stage="symptom",
        confidence=0.2,
        step=int(series.steps[int(np.argmax(series.values < limit))]),
        message=f"The output is the same for every example: only {little} of its variation comes from the input (expected above {least_of}).",
        evidence=[Evidence("output.between", "", run.step, value, f"> {number(limit)}", limit)],
        remedies=[INIT_HE, LOWER_LR],
    )


def _dead(run: Run) -> bool:
    """A layer none of whose units answers: then that is what loses the input."""
    return any(series.last > 0.99 for _, series in run.each("activation.dead") if len(series))
