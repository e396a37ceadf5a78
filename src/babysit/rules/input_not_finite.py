"""The input holds NaN or infinity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import SKIP_NONFINITE, advice
from . import found, rule
from ._consequences import EVERYTHING
from ._words import percent


@rule("batch.nonfinite", "loss.train", "output.nonfinite", "event:nonfinite", family="data", explains=EVERYTHING)
def input_not_finite(run: Run) -> Iterator[Finding]:
    """The input contains NaN or infinity.

    Why it matters: one NaN in a batch makes its loss NaN, its gradient NaN, and with the next step
    every weight NaN. Nothing comes back from there.

    Usual causes: missing values read as NaN, a division by zero or a logarithm of zero in the
    preprocessing, a constant column divided by its standard deviation.

    Told apart from: divergence, where the input is finite and the loss grows first; and inputs that
    are infinite on purpose (an attention mask), where output and loss stay finite: an info.

    Args:
        run: reads `batch.nonfinite`, the share of NaN or infinite values in each input.

    Examples:
        >>> sick = Run.of({"batch.nonfinite": {"0": [0.0, 0.002]}, "loss.train": [2.3, float("nan")]})
        >>> [finding.message for finding in input_not_finite(sick)]
        ['Input 0 holds NaN or infinity: 0.2 % of its values at step 1, which makes the loss and then every weight NaN.']
        >>> list(input_not_finite(Run.of({"batch.nonfinite": {"0": [0.0, 0.0]}, "loss.train": [2.3, 2.2]})))
        []

    Source:
        An exact fact. UMLAUT and SageMaker Debugger check the same.
    """
    event = next((one for one in run.events_of("nonfinite") if one.detail.get("site") == "batch"), None)
    if event is not None and not any((series.values > 0).any() for _, series in run.each("batch.nonfinite")):
        yield found(
            severity="error",
            stage="confirmed",
            confidence=0.99,
            step=event.step,
            message=f"The input holds NaN or infinity: it was the first that was not finite, at step {event.step}.",
            evidence=[Evidence("batch.nonfinite", event.where or "0", event.step, None, "0", 0.0)],
            remedies=[SKIP_NONFINITE, advice("Repair the data where it is read", "assert np.isfinite(x).all()")],
        )
    for where, series in run.each("batch.nonfinite"):
        bad = np.flatnonzero(series.values > 0)
        if not len(bad):
            continue
        step, share = int(series.steps[bad[0]]), float(series.values[bad[0]])
        spread = _reached_the_loss(run, step)
        consequence = "which makes the loss and then every weight NaN" if spread else "but the loss has stayed finite"
        yield found(
            severity="error" if spread else "info",
            stage="confirmed",
            confidence=0.99 if spread else 0.1,
            step=step,
            message=f"Input {where or 0} holds NaN or infinity: {percent(share)} of its values at step {step}, {consequence}.",
            evidence=[Evidence("batch.nonfinite", where, step, share, "0", 0.0)],
            remedies=[SKIP_NONFINITE, advice("Repair the data where it is read", "assert np.isfinite(x).all()")],
        )


def _reached_the_loss(run: Run, step: int) -> bool:
    after = run.series("loss.train").since(step).values
    return bool((~np.isfinite(after)).any()) or any(
        event.step >= step and event.detail.get("site") in ("loss", "weight", "activation")
        for event in run.events_of("nonfinite")
    )
