"""Gradients of earlier batches are never cleared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import ZERO_GRAD
from . import found, rule
from ._consequences import EVERYTHING
from ._network import source
from ._words import number


@rule(
    "calls.steps_since_zero",
    "calls.zero_grad",
    "calls.backward",
    "gradient.carried",
    "fact:loops",
    family="calls",
    explains=(*EVERYTHING, "overfitting", "optimizer-epsilon-unsafe"),
)
def gradients_accumulate(run: Run, *, least: int = 3, carried: float = 1.05) -> Iterator[Finding]:
    """The gradients of earlier batches are never cleared and add up.

    Why it matters: PyTorch adds each backward pass to what is already in `.grad`. Without clearing, every step follows
    the sum of all gradients since the start: a momentum that never forgets, and steps that grow.

    Usual causes: `optimizer.zero_grad()` forgotten, called on another optimizer, or only once an epoch.

    Told apart from: gradient accumulation on purpose, where the gradients are cleared after every *step*, however many
    backward passes lie between.

    Args:
        run: reads `calls.steps_since_zero`, optimizer steps since gradients were last cleared, and
            `gradient.carried`, the gradient at the step over what this step's backward passes added.
        least: steps without clearing that are needed.
        carried: ratio above which the old gradients show in the new ones.

    Examples:
        >>> sick = Run.of({"calls.steps_since_zero": {"0": [1.0, 2.0, 3.0, 4.0]}, "gradient.carried": {"0": [1.0, 1.9, 2.7, 3.4]}})
        >>> [finding.message for finding in gradients_accumulate(sick)]
        ["Gradients are not cleared: 4 optimizer steps since the last zero_grad() (expected at most 1). Every backward adds to the old gradients, which are now 3.4 times what this step's backward added."]
        >>> list(gradients_accumulate(Run.of({"calls.steps_since_zero": {"0": [0.0, 0.0, 0.0, 0.0]}})))
        []

    Source:
        An exact fact of the order of calls; torch.Tensor.backward: "this function accumulates gradients in the leaves".
    """
    for where, series in run.each("calls.steps_since_zero"):
        values = series.values
        if len(values) < least or not values[-1] >= least or (np.diff(values[-least:]) <= 0).any():
            continue
        ratio = run.last("gradient.carried", where)
        if ratio <= carried or run.last("calls.backward", where, 1.0) == 0:
            continue
        again = f", which are now {number(ratio)} times what this step's backward added" if ratio > carried else ""
        yield found(
            severity="error",
            stage="confirmed",
            confidence=0.97,
            step=max(1, int(series.steps[-1] - values[-1])),
            source=source(run, "train"),
            message=f"Gradients are not cleared: {int(values[-1])} optimizer steps since the last zero_grad() (expected at most 1). "
            f"Every backward adds to the old gradients{again}.",
            evidence=[
                Evidence("calls.steps_since_zero", where, int(series.steps[-1]), float(values[-1]), "at most 1", 1.0),
                *([Evidence("gradient.carried", where, int(series.steps[-1]), ratio, "1")] if ratio > carried else []),
            ],
            remedies=[ZERO_GRAD],
        )
        return
