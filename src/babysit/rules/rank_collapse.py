"""All examples come to look alike inside the network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from . import found, rule
from ._network import last_module
from ._progress import READS, grade, progress
from ._remedies import BATCH_NORM, LOWER_LR
from ._words import number


@rule("activation.rank", *READS, family="symptom", explains=("output-ignores-input",))
def rank_collapse(run: Run, *, limit: float = 0.3, least: int = 6) -> Iterator[Finding]:
    """The representation collapses: a layer uses a few directions where it used many.

    Why it matters: what no longer differs between examples can't be told apart by the layers behind.

    Usual causes: a learning rate too high, dying units, weight decay too strong, a loss that is content with a constant.

    Told apart from: a task of low dimension (low from the start: compared with its own start), the collapse onto
    classes at the end of a good training (runs that learn are left alone).

    Args:
        run: reads `activation.rank`, the effective rank over the largest possible.
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
    severity = "info" if progress(run).improving else grade(run, "warning")
    yield found(
        severity="info" if severity == "warning" and not run.has("loss.chance") else severity,
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
