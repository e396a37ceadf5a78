"""Examples of the validation set are trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._network import epoch_length, recent
from ._words import percent

SPLIT = advice(
    "Split once, before anything else, and by group where examples come in groups",
    "train, val = random_split(data, (0.85, 0.15))",
)


@rule(
    "batch_val.overlap",
    "batch.seen_before",
    "batch.distinct",
    "batch.size",
    "batch.std",
    "loss.val",
    "accuracy.val",
    "r2.val",
    "fact:modules",
    "fact:epochs",
    "step",
    "event:val",
    family="generalization",
)
def validation_leak(run: Run, *, limit: float = 0.01) -> Iterator[Finding]:
    """Examples of the validation set are also in the training set.

    Why it matters: the score is then measured on examples that were memorized, and says nothing about
    new ones. Whatever is chosen by it is chosen wrongly.

    Usual causes: splitting after augmenting or oversampling, sampling with replacement, overlapping
    slices, near copies of one recording on both sides.

    Told apart from: an evaluation of the training set itself (all of it, on purpose: an info), data whose
    examples repeat by nature (few distinct inputs: no feature tells them apart, and they repeat within training as well), a batch that is only looked at
    (reconstructed, sampled from) and judged by no criterion, an easy task.

    Args:
        run: reads `batch_val.overlap`, the share of validation examples (by hash) that were trained on.
        limit: share above which it matters.

    Examples:
        >>> seen = {"batch_val.overlap": {"0": [0.35] * 4}, "batch.seen_before": {"0": [1.0] * 4}, "loss.val": [0.2] * 4, "batch.size": {"0": [64.0] * 4}}
        >>> [finding.message for finding in validation_leak(Run.of(seen, steps=[100, 300, 400, 500]))]
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
        scored = any(run.has(name) for name in ("loss.val", "accuracy.val", "r2.val"))
        if not scored and not (share > 0.5 and _a_pass_of_its_own(run)):
            continue  # examples are shown, not judged
        itself = _on_purpose(run, values)
        yield found(
            severity="info" if itself else "warning",
            stage="confirmed" if scored and not itself else "suspect",
            confidence=0.1 if itself else 0.9 if scored else 0.4,
            step=int(series.steps[int(np.argmax(series.values > limit))]),
            message=f"{percent(share)} of the validation examples were also trained on (expected none)"
            + (
                ": a pass over the training set itself?" if itself else ", so its score does not speak of new examples."
            ),
            evidence=[Evidence("batch_val.overlap", where, int(series.steps[-1]), share, "0", limit)],
            remedies=[SPLIT],
        )


def _repeats_by_nature(run: Run) -> float:
    """How often examples come back before a pass over the data can be over, where few distinct ones are possible.

    Rows of many numbers, or with a number that hardly any two examples share, do not repeat by nature: there a repeat is a copy.
    """
    if max(recent(run, "batch.distinct").values(), default=0.0) >= 0.9:
        return 0.0
    length = epoch_length(run) or 8
    if run.has("batch.std") and _numbers_in_an_example(run) >= 16:
        return 0.0
    early = [series.values[series.steps < max(2, length)] for _, series in run.each("batch.seen_before")]
    found = [float(np.fmax.reduce(values)) for values in early if np.isfinite(values).any()]
    return max(found, default=0.0) if length > 1 else 0.0


def _numbers_in_an_example(run: Run) -> int:
    shape = next((one["shape_in"] for one in run.fact("modules") or [] if one.get("shape_in")), ())
    return math.prod(int(length) for length in shape[1:]) if len(shape) > 1 else 1


def _a_pass_of_its_own(run: Run) -> bool:
    """Without a criterion: are the passes more than a batch that is looked at (reconstructions, samples)?"""
    batch = max(recent(run, "batch.size").values(), default=0.0)
    sizes = [float(event.detail.get("examples", 0)) for event in run.events_of("val")]
    return bool(sizes) and float(np.median(sizes)) > 2 * batch > 0


def _on_purpose(run: Run, values: np.ndarray) -> bool:
    """May this be an evaluation of the training set itself?

    Not where the pass is known to be smaller than the training set; else only a share well below that of
    training examples known again (hashes are taken on observed steps only) tells a leak from it.
    """
    share = float(values.max())
    if len(values) > 1 and float(values.min()) < 0.2 * share:
        return True  # two kinds of passes: one over the training set, one over the others
    length = epoch_length(run)
    batch = max(recent(run, "batch.size").values(), default=0.0)
    sizes = [float(event.detail.get("examples", 0)) for event in run.events_of("val")]
    if length and batch and sizes:
        return float(np.median(sizes)) >= 0.9 * (length - 1) * batch
    late = [series.since(run.step // 2) for where, series in run.each("batch.seen_before") if where in ("", "0")]
    late = [series for series in late if len(series) >= 3]
    if not late:
        return True
    known = float(np.median(late[0].values))
    return share >= known - 3 * math.sqrt(max(known * (1 - known), 0.02) / (3 * max(batch, 1.0)))
