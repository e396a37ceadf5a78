"""Steps that are tiny against the weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import ADAM, RAISE_LR
from . import found, rule
from ._network import update_ratios
from ._progress import READS, grade, progress
from ._words import number


@rule(
    "update.ratio",
    "lr",
    "fact:parameters",
    *READS,
    family="symptom",
    explains=("loss-barely-changes", "too-few-updates", "underfitting"),
)
def updates_too_small(run: Run, *, limit: float = 1e-5, least: int = 10) -> Iterator[Finding]:
    """Each step changes the weights by less than a hundred-thousandth of their size.

    Why it matters: the ratio of the size of an update to the size of the weight should be about 1e-3. At 1e-5 it takes a
    hundred thousand steps to get anywhere.

    Usual causes: a learning rate too low, vanishing gradients.

    Told apart from: a run that has learned (winning), the end of a schedule (the rate is a small part of its peak),
    frozen weights (no update at all).

    Args:
        run: reads `update.ratio` of every weight matrix.
        limit: median ratio below which updates are too small.
        least: readings that are needed.

    Examples:
        >>> sick = Run.of({"update.ratio": {"0.weight": [3e-7] * 40}, "loss.train": [2.3] * 40})
        >>> [finding.message for finding in updates_too_small(sick)]
        ['Updates are tiny: a step changes the weights by 3e-07 of their size (expected about 0.001).']
        >>> list(updates_too_small(Run.of({"update.ratio": {"0.weight": [1e-3] * 40}, "loss.train": [2.3] * 40})))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: update ratio about 1e-3; lower bound as in DeepDiagnosis.
    """
    ratios, now = update_ratios(run), progress(run)
    rates = run.series("lr").values
    ending = len(rates) > 1 and rates[-1] < 0.1 * rates.max()
    warming = len(rates) > 1 and rates[-1] > rates[0] and rates[-1] >= rates.max()
    if not ratios or now.winning or ending or warming or now.readings < least:
        return
    value = float(np.median(list(ratios.values())))
    if value >= limit:
        return
    where = min(ratios, key=lambda name: ratios[name])
    yield found(
        severity=grade(run, "warning"),
        stage="symptom",
        confidence=0.3,
        step=int(run.series("update.ratio", where).steps[0]),
        message=f"Updates are tiny: a step changes the weights by {number(value)} of their size (expected about 0.001).",
        evidence=[Evidence("update.ratio", where, run.step, value, "about 1e-3", limit)],
        remedies=[RAISE_LR, ADAM],
    )
