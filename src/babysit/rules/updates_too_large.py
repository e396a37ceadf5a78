"""Steps that are large against the weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import LOWER_LR, WARM_UP
from . import found, rule
from ._network import update_ratios
from ._progress import READS, grade, progress
from ._words import number, percent


@rule(
    "update.ratio",
    "fact:parameters",
    *READS,
    family="rate",
    explains=("loss-oscillates", "dead-relu", "saturated-units"),
)
def updates_too_large(run: Run, *, limit: float = 0.1, after: int = 50, wild: float = 1.0) -> Iterator[Finding]:
    """Each step changes the weights by a tenth of their size or more.

    Why it matters: the ratio of the size of an update to the size of the weight should be about 1e-3. At 0.1, ten steps
    replace what was learned before.

    Usual causes: a learning rate too high.

    Told apart from: Adam's first steps, which are lr/rms(w) however small the gradient (50 steps are waited for), weights
    that started at zero, biases, and runs that learn well all the same (an info).

    Args:
        run: reads `update.ratio` of every weight matrix that did not start constant: the real change over the weight.
        limit: ratio that is too large, in at least half of the matrices.
        after: steps that are waited for.
        wild: ratio that is too large at once: the whole weight is replaced.

    Examples:
        >>> sick = Run.of({"update.ratio": {"0.weight": [0.3] * 80, "2.weight": [0.2] * 80}, "loss.train": [2.5] * 80})
        >>> [finding.message for finding in updates_too_large(sick)]
        ['Updates are too large: 100 % of the weight matrices change by more than 10 % of their size at each step (0.weight: 0.3, expected about 0.001).']
        >>> list(updates_too_large(Run.of({"update.ratio": {"0.weight": [2e-3] * 80}, "loss.train": [2.5] * 80})))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: update ratio about 1e-3; upper bound as in TheDeepChecker.
    """
    ratios = update_ratios(run)
    if not ratios:
        return
    values = np.array(list(ratios.values()))
    now = progress(run)
    bound = limit if run.step >= after else wild
    share = float(np.mean(values > bound))
    if share < 0.5 or run.step < 5:
        return
    worst = max(ratios, key=lambda where: ratios[where])
    series = run.series("update.ratio", worst)
    over = np.flatnonzero(series.values > bound)
    yield found(
        severity=grade(run, "warning", least=5),
        stage="symptom",
        confidence=0.05 if now.winning else 0.4,
        step=int(series.steps[over[0]]) if len(over) else run.step,
        where=worst,
        message=f"Updates are too large: {percent(share)} of the weight matrices change by more than {percent(bound)} of their size at each step "
        f"({worst}: {number(ratios[worst])}, expected about 0.001).",
        evidence=[Evidence("update.ratio", worst, run.step, ratios[worst], "about 1e-3", bound)],
        remedies=[LOWER_LR, WARM_UP],
    )
