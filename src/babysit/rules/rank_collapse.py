"""All examples come to look alike inside the network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import BATCH_NORM, LOWER_LR, advice
from . import found, rule
from ._network import last_module
from ._progress import READS, progress
from ._words import number

REPEL = advice(
    "Give the loss a term that pushes different examples apart (negatives with a margin, variance, stop-gradient)",
    "loss = relu(d(anchor, positive) - d(anchor, negative) + margin).mean()",
)


@rule("activation.rank", "activation.between", *READS, family="symptom", explains=("output-ignores-input",))
def rank_collapse(run: Run, *, limit: float = 0.3, least: int = 6) -> Iterator[Finding]:
    """The representation collapses: a layer uses a few directions where it used many.

    Why it matters: what no longer differs between examples can't be told apart by the layers behind.

    Usual causes: a learning rate too high, dying units, weight decay too strong, a loss that is content with a constant.

    Where the loss compares outputs with one another (pairs, triplets, two views of an example) and is content with a
    constant, all examples end up in one point: the loss is then almost 0 (of cosines −1, or −2 for two of them), and the
    outputs are worth nothing.

    Told apart from: a task of low dimension (low from the start: compared with its own start), the collapse onto
    classes at the end of a good training (runs that learn are left alone).

    Args:
        run: reads `activation.rank`, the effective rank over the largest possible, and `activation.between`, the share of
            the last layer's variance that lies between examples.
        limit: part of its rank at the start below which a layer has collapsed.
        least: readings that are needed.

    Examples:
        >>> sick = Run.of({"activation.rank": {"fc1": [0.6, 0.5, 0.3, 0.1, 0.05, 0.05]}, "loss.train": [2.3] * 40, "loss.chance": [2.3] * 40})
        >>> [finding.message for finding in rank_collapse(sick)]
        ['The representation in fc1 collapses: its effective rank is 0.0909 of what it was at the start (0.6 to 0.05).']
        >>> list(rank_collapse(Run.of({"activation.rank": {"fc1": [0.6] * 6}, "loss.train": [2.3] * 40, "loss.chance": [2.3] * 40})))
        []

    Source:
        Roy & Vetterli 2007, The effective rank; thresholds as in torchmortem.
    """
    last = last_module(run).get("name")
    if (point := _one_point(run, last or "")) is not None:
        yield point
        return
    worst, kept = "", limit
    for where, series in run.each("activation.rank"):
        if where == last or len(series) < least or not series.first > 0:
            continue
        start = float(np.median(series.values[:2]))
        part = float(np.median(series.tail(3))) / start if start > 0 else 1.0
        if part < kept:
            worst, kept = where, part
    if not worst:
        return
    series = run.series("activation.rank", worst)
    yield found(
        severity="info",  # features of few directions are what well-trained classifiers and generators have, too
        stage="symptom",
        confidence=0.15,
        step=int(series.steps[int(np.argmax(series.values < limit * series.first))]),
        where=worst,
        message=f"The representation in {worst} collapses: its effective rank is {number(kept)} of what it was at the start ({number(series.first)} to {number(series.last)}).",
        evidence=[
            Evidence(
                "activation.rank",
                worst,
                int(series.steps[-1]),
                series.last,
                f"about {number(series.first)}",
                limit * series.first,
            )
        ],
        remedies=[LOWER_LR, BATCH_NORM],
    )


def _one_point(run: Run, last: str, *, left: float = 0.05, fell: float = 0.9) -> Finding | None:
    """The loss has nearly vanished while the outputs of all examples became one and the same.

    With targets of their own that can't be: a constant output costs what a constant guess costs.
    """
    between, now = run.series("activation.between", last), progress(run)
    if len(between) < 6 or between.steps[0] > 3 or now.readings < 20:
        return None
    if not (now.first > 0 and now.fell > fell) and not _cosine_is_one(run):
        return None
    start, end = float(np.median(between.values[:3])), float(np.median(between.tail(2)))
    if not start > 0 or not end < left * min(start, 1.0):
        return None
    return found(
        severity="warning",
        stage="suspect",
        confidence=0.8,
        step=int(between.steps[int(np.argmax(between.values < left * start))]),
        where=last,
        message=f"All examples end up in one point: {number(end)} of the output's variance lies between examples ({number(start)} at the start), and the "
        f"loss, {number(now.first)} at first, is {number(now.last)}: it is content with a constant output.",
        evidence=[Evidence("activation.between", last, int(between.steps[-1]), end, f"about {number(start)} or more")],
        remedies=[REPEL],
    )


def _cosine_is_one(run: Run, *, way: float = 0.99) -> bool:
    """Has the loss gone (nearly) all the way to −1 or −2, and never below: one or two cosines of what can't be closer?"""
    losses = run.series("loss.train").values
    losses = losses[np.isfinite(losses)]
    bound = round(float(np.median(losses[-20:]))) if len(losses) else 0
    if bound not in (-1, -2) or losses.min() < bound - 1e-5:
        return False
    return float(losses[0] - np.median(losses[-20:])) > way * float(losses[0] - bound) > 0
