"""The network can't even fit its training examples."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from . import found, rule
from ._progress import READS, progress
from ._remedies import LONGER, RAISE_LR, WIDER
from ._words import number, percent


@rule("loss.val", *READS, family="generalization")
def underfitting(run: Run, *, low: float = 0.9, gap: float = 0.02, least: int = 200) -> Iterator[Finding]:
    """The network underfits: training itself stays far from perfect, and validation is no worse.

    Why it matters: with no gap between training and validation there is room for a larger network or a longer training:
    regularization would only hurt.

    Usual causes: too few units, too few steps, too much regularization; or a task that can't be learned better.

    Told apart from: a fault that keeps the network from learning (found by itself, and then the cause of this), a training
    that still gets better (said so), chance.

    Args:
        run: reads the scores of training and validation and the slope at the end.
        low: skill (0 a constant guess, 1 perfect) above which a fit is good enough.
        gap: largest difference of the scores.
        least: steps that are needed.

    Examples:
        >>> facts = {"task": {"kind": "classes", "classes": 10}}
        >>> flat = {"loss.train": [2.3] * 20 + [1.4] * 300, "accuracy.train": [0.1] * 20 + [0.5] * 300, "accuracy.val": [0.1] * 20 + [0.5] * 300}
        >>> [finding.message for finding in underfitting(Run.of(flat, facts=facts))]
        ['The network underfits: accuracy is 50 % in training and 50 % in validation. There is no gap: a larger network could do better (the loss stays at 1.4).']
        >>> good = {**flat, "accuracy.train": [0.98] * 320, "accuracy.val": [0.97] * 320}
        >>> list(underfitting(Run.of(good, facts=facts)))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: "no gap => increase model capacity?"
    """
    now = progress(run)
    if now.step < least or now.readings < 30 or math.isnan(now.score) or not now.comparable or now.relapsed:
        return
    kind = now.score_name.partition(".")[0]
    val = run.series(f"{kind}.val").values
    skill = (now.score - now.guess) / (1 - now.guess) if kind == "accuracy" and now.guess < 1 else now.score
    if not 0.02 < skill < low or not len(val) or float(np.median(val[-3:])) < now.score - gap:
        return
    falling = now.slope < -3
    poor = skill < 0.2 and not falling and now.step >= 5 * least
    yield found(
        severity="warning" if poor else "info",
        stage="suspect",
        confidence=0.4 if poor else 0.15,
        step=now.step,
        message=f"The network underfits: {kind} is {percent(now.score)} in training and {percent(float(np.median(val[-3:])))} in validation. There is no gap: "
        + (
            "the loss still falls, so train longer."
            if falling
            else f"a larger network could do better (the loss stays at {number(now.last)})."
        ),
        evidence=[
            Evidence(now.score_name, "", now.step, now.score, "about 1"),
            Evidence(f"{kind}.val", "", now.step, float(np.median(val[-3:])), f"below {number(now.score)}"),
        ],
        remedies=[LONGER, WIDER] if falling else [WIDER, LONGER, RAISE_LR],
    )
