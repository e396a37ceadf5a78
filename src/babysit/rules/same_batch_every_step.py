"""Every step sees the same examples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import NEXT_BATCH
from . import found, rule
from ._words import percent


@rule(
    "batch.repeats", "batch.size", "fact:epochs", "fact:task", "event:val", family="data",
    explains=("overfitting", "labels-independent-of-inputs", "minority-class-ignored", "suspicious-labels", "batches-not-shuffled", "train-val-mismatch",
        "batchnorm-train-eval-gap"),
)  # fmt: skip
def same_batch_every_step(run: Run, *, limit: float = 0.9, least: int = 5) -> Iterator[Finding]:
    """Every step trains on the same batch.

    Why it matters: the network memorizes a few examples and never sees the others. The training loss
    goes to zero and means nothing.

    Usual causes: `next(iter(loader))` inside the loop, a batch taken before the loop, an index that is
    never advanced.

    Told apart from: training on the whole data set at once, where a step is an epoch (an info at most,
    since it can't be told without knowing how much data there is), and overfitting a tiny subset on purpose.

    Args:
        run: reads `batch.repeats`, the share of a batch's examples that the previous step had too.
        limit: share above which a batch counts as the same.
        least: consecutive readings that are needed.

    Examples:
        >>> sick = Run.of({"batch.repeats": {"0": [0.0] + [1.0] * 8}, "batch.size": {"0": [32.0] * 9}}, facts={"epochs": {"length": 47}})
        >>> [finding.message for finding in same_batch_every_step(sick)]
        ['Every step sees the same examples: 100 % of each batch was in the batch before, though there is more data.']
        >>> list(same_batch_every_step(Run.of({"batch.repeats": {"0": [0.0] * 9}}, facts={"epochs": {"length": 47}})))
        []

    Source:
        An exact fact (hashes of the examples).
    """
    series = run.series("batch.repeats", "0") if "0" in run.places("batch.repeats") else run.series("batch.repeats")
    values = series.values[np.isfinite(series.values)]
    if len(values) < least + 1 or (values[-least:] <= limit).any():
        return
    share = float(np.median(values[-least:]))
    sure = _more_data_exists(run)
    if sure is False:
        return
    yield found(
        severity="error" if sure else "info",
        stage="confirmed" if sure else "suspect",
        confidence=0.95 if sure else 0.2,
        step=int(series.steps[int(np.argmax(series.values > limit))]),
        message=f"Every step sees the same examples: {percent(share)} of each batch was in the batch before"
        + (", though there is more data." if sure else ". That is right only if the batch is all the data."),
        evidence=[Evidence("batch.repeats", "0", int(series.steps[-1]), share, "about 0", limit)],
        remedies=[NEXT_BATCH],
    )


def _more_data_exists(run: Run) -> bool | None:
    """True when a batch is known to be a part of the data, False when known to be all of it, else None."""
    length = (run.fact("epochs") or {}).get("length")
    if length:
        return length > 1
    batch = run.last("batch.size", "0")
    sizes = [float(event.detail.get("examples", 0)) for event in run.events_of("val")]
    return True if sizes and max(sizes) > 2 * batch else None
