"""The clip decides the step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import CLIP, NO_CLIP
from . import found, rule
from ._network import adaptive, source
from ._progress import READS, grade, progress
from ._words import number, percent


@rule(
    "gradient.before_clip",
    "gradient.clip_at",
    *READS,
    family="rate",
    explains=("updates-too-small", "loss-barely-changes", "learning-rate-too-low", "underfitting", "too-few-updates"),
)
def clipping_too_tight(run: Run, *, often: float = 0.5, cut: float = 10.0, least: int = 20) -> Iterator[Finding]:
    """The gradient is clipped at nearly every step, and by much: the clip, not the gradient, decides the step.

    Why it matters: every step then has the same length, lr times the limit, whatever the loss looks like: far too short
    where the limit is small.

    Usual causes: a limit copied from another model, a limit on a loss that is summed.

    Told apart from: clipping as a safeguard, which acts on few steps; Adam, whose steps do not depend on the gradient's
    size (an info); warm-up.

    Args:
        run: reads `gradient.before_clip` and `gradient.clip_at`.
        often: share of the steps that may be clipped.
        cut: times that the gradient may be cut at the median step.
        least: readings that are needed.

    Examples:
        >>> sick = Run.of({"gradient.before_clip": [3.0] * 40, "gradient.clip_at": [1e-3] * 40, "loss.train": [2.3] * 40})
        >>> [finding.message for finding in clipping_too_tight(sick)]
        ['Clipping is too tight: 100 % of the gradients are clipped, at the median to 1/3000 of their norm (3 to 0.001).']
        >>> list(clipping_too_tight(Run.of({"gradient.before_clip": [0.7] * 40, "gradient.clip_at": [1.0] * 40, "loss.train": [2.3] * 40})))
        []

    Source:
        Google's tuning playbook: if more than half of the updates are clipped, lower the rate instead; clip at p90.
    """
    places = run.places("gradient.before_clip")
    if not places:
        return
    norms = run.series("gradient.before_clip", places[0])
    at = run.last("gradient.clip_at", places[0])
    values = norms.values[np.isfinite(norms.values)]
    values = values[len(values) // 2 :]
    always = len(values) >= 5 and bool((values > 100 * at).all())  # then a few looks are enough
    if (len(norms) < least and not always) or not at > 0 or not len(values):
        return
    share, times = float(np.mean(values > at)), float(np.median(values)) / at
    if share <= often or times <= cut:
        return
    harmless = adaptive(run)
    yield found(
        severity="info" if harmless else grade(run, "warning"),
        stage="suspect",
        confidence=0.1 if harmless or progress(run).winning else 0.75,
        source=source(run, "train"),
        message=f"Clipping is too tight: {percent(share)} of the gradients are clipped, at the median to 1/{number(times)} of their norm ({number(float(np.median(values)))} to {number(at)}).",
        evidence=[
            Evidence(
                "gradient.before_clip",
                places[0],
                int(norms.steps[-1]),
                float(np.median(values)),
                f"mostly < {number(at)}",
                at,
            )
        ],
        remedies=[CLIP, NO_CLIP],
    )
