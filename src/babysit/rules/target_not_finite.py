"""The targets hold NaN or infinity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import SKIP_NONFINITE, advice
from . import found, rule
from ._consequences import EVERYTHING
from ._words import percent


@rule("target.nonfinite", "loss.train", family="data", explains=EVERYTHING)
def target_not_finite(run: Run) -> Iterator[Finding]:
    """The targets contain NaN or infinity.

    Why it matters: the loss of such an example is NaN, and so is the batch's gradient.

    Usual causes: missing answers read as NaN, a logarithm of a target of zero.

    Told apart from: targets that a mask leaves out on purpose, where the loss stays finite: an info.

    Args:
        run: reads `target.nonfinite`, the share of NaN or infinite targets in a batch.

    Examples:
        >>> sick = Run.of({"target.nonfinite": [0.0, 0.03], "loss.train": [1.1, float("nan")]})
        >>> [finding.message for finding in target_not_finite(sick)]
        ['The targets hold NaN or infinity: 3 % of them at step 1, which makes the loss NaN.']
        >>> list(target_not_finite(Run.of({"target.nonfinite": [0.0, 0.0], "loss.train": [1.1, 1.0]})))
        []

    Source:
        An exact fact.
    """
    for where, series in run.each("target.nonfinite"):
        bad = np.flatnonzero(series.values > 0)
        if not len(bad):
            continue
        step, share = int(series.steps[bad[0]]), float(series.values[bad[0]])
        spread = bool((~np.isfinite(run.series("loss.train").since(step).values)).any())
        consequence = "which makes the loss NaN" if spread else "but the loss has stayed finite"
        yield found(
            severity="error" if spread else "info",
            stage="confirmed",
            confidence=0.99 if spread else 0.1,
            step=step,
            where=where or None,
            message=f"The targets hold NaN or infinity: {percent(share)} of them at step {step}, {consequence}.",
            evidence=[Evidence("target.nonfinite", where, step, share, "0", 0.0)],
            remedies=[
                SKIP_NONFINITE,
                advice("Leave out or repair examples without an answer", "keep = torch.isfinite(y)"),
            ],
        )
