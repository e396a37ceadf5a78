"""Examples of the validation set are trained on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from . import found, rule
from ._network import recent
from ._remedies import advice
from ._words import percent

SPLIT = advice(
    "Split once, before anything else, and by group where examples come in groups",
    "train, val = random_split(data, (0.85, 0.15))",
)


@rule(
    "batch_val.overlap", "batch.seen_before", "batch.size", "fact:epochs", "step", "event:val", family="generalization"
)
def validation_leak(run: Run, *, limit: float = 0.01) -> Iterator[Finding]:
    """Examples of the validation set are also in the training set.

    Why it matters: the score is then measured on examples that were memorized, and says nothing about
    new ones. Whatever is chosen by it is chosen wrongly.

    Usual causes: splitting after augmenting or oversampling, sampling with replacement, overlapping
    slices, near copies of one recording on both sides.

    Told apart from: an evaluation of the training set itself (all of it, on purpose: an info), data whose
    examples repeat by nature (few distinct inputs: they repeat within training as well), an easy task.

    Args:
        run: reads `batch_val.overlap`, the share of validation examples (by hash) that were trained on.
        limit: share above which it matters.

    Examples:
        >>> [finding.message for finding in validation_leak(Run.of({"batch_val.overlap": {"0": [0.12, 0.35]}}))]
        ['35 % of the validation examples were also trained on (expected none), so its score does not speak of new examples.']
        >>> list(validation_leak(Run.of({"batch_val.overlap": {"0": [0.0, 0.0]}})))
        []

    Source:
        An exact fact (hashes of the examples as the network gets them).
    """
    by_nature = _repeats_by_nature(run)
    for where, series in run.each("batch_val.overlap"):
        values = series.values[np.isfinite(series.values)]
        if where not in ("", "0") or not len(values):
            continue
        share = float(values.max())
        if share <= max(limit, 2 * by_nature):
            continue
        known = _known(run)
        whole = share >= 0.9 * known  # as often known as a training example would be
        itself = whole and (float(values.min()) < 0.5 * share or _training_set(run) is not False)
        yield found(
            severity="info" if itself else "warning",
            stage="suspect" if itself else "confirmed",
            confidence=0.1 if itself else 0.9,
            step=int(series.steps[int(np.argmax(series.values > limit))]),
            message=f"{percent(share)} of the validation examples were also trained on (expected none)"
            + (
                ": a pass over the training set itself?" if itself else ", so its score does not speak of new examples."
            ),
            evidence=[Evidence("batch_val.overlap", where, int(series.steps[-1]), share, "0", limit)],
            remedies=[SPLIT],
        )


def _repeats_by_nature(run: Run) -> float:
    """How often examples come back before a pass over the data can be over."""
    length = (run.fact("epochs") or {}).get("length") or 8
    early = [series.values[series.steps < max(2, length)] for _, series in run.each("batch.seen_before")]
    found = [float(np.nanmax(values)) for values in early if np.isfinite(values).any()]
    return max(found, default=0.0) if length > 1 else 0.0


def _known(run: Run) -> float:
    """Chance that a training example is known again: hashes are taken on observed steps only."""
    newest = [
        float(np.max(series.tail(3)))
        for where, series in run.each("batch.seen_before")
        if where in ("", "0") and np.isfinite(series.tail(3)).all()
    ]
    length = (run.fact("epochs") or {}).get("length")
    if length and run.step < length:
        return 1.0
    return min(1.0, max(newest, default=1.0)) or 1.0


def _training_set(run: Run) -> bool | None:
    """Is a pass as long as the training set (then it is the training set, evaluated on purpose)? None when unknown."""
    length = (run.fact("epochs") or {}).get("length")
    batch = max(recent(run, "batch.size").values(), default=0.0)
    sizes = [float(event.detail.get("examples", 0)) for event in run.events_of("val")]
    if not (length and batch and sizes):
        return None
    return max(sizes) >= 0.9 * (length - 1) * batch
