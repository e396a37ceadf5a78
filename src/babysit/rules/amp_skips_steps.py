"""Mixed precision skips steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import CLIP, FLOAT32, LOWER_LR, advice
from . import found, rule
from ._consequences import NOT_LEARNING
from ._words import number, percent

ONE_SCALER = advice(
    "Make the scaler once, before the loop, and call update() after each step", "scaler = torch.amp.GradScaler()"
)


@rule(
    "update.skipped",
    "amp.scale",
    "update.zero",
    "step",
    family="forward",
    explains=(*NOT_LEARNING, "weights-unchanged", "updates-too-small"),
)
def amp_skips_steps(run: Run, *, share: float = 0.05, after: int = 200) -> Iterator[Finding]:
    """Mixed precision's scaler keeps skipping steps: gradients overflow float16.

    Why it matters: a step whose gradients hold infinities is skipped and the scale halved. When it goes on, the scale sinks
    below 1 and small gradients are lost too.

    Usual causes: values beyond 65504 in float16, clipping before unscaling, a learning rate too high; a scaler that is made
    anew at each step, or never updated, and so never finds its scale.

    Told apart from: the few skipped steps at the start, by which the scaler finds its scale: it halves at each of them, so
    that steps which are skipped at one and the same scale are no search; no scaler at all (silent).

    Args:
        run: reads `amp.scale`, and `update.skipped` (1 for a step that changed nothing).
        share: share of skipped steps that is too much.
        after: steps at the start that don't count.

    Examples:
        >>> sick = Run.of({"amp.scale": [65536 * 0.5 ** (step / 10) for step in range(400)], "update.skipped": {"0": [0.0, 1.0] * 200}})
        >>> [finding.message for finding in amp_skips_steps(sick)]
        ['Mixed precision keeps skipping steps: 50 % of them after step 200, and the loss scale is 6.39e-08 (expected above 1).']
        >>> list(amp_skips_steps(Run.of({"amp.scale": [65536.0] * 400, "update.skipped": {"0": [0.0] * 400}})))
        []

    Source:
        torch.amp: GradScaler. The share is a proposal; a scale below 1 is a fact.
    """
    scale = run.series("amp.scale")
    if not len(scale):
        return
    stuck = _stuck(run)
    if stuck:
        yield found(
            severity="error", stage="confirmed", confidence=0.95, step=stuck,
            message=f"Mixed precision skips every step: none of the newest {stuck} that were looked at changed a weight, and the loss "
            f"scale stays at {number(scale.last)} though a scaler halves it at each. Is the scaler made anew at each step, or never updated?",
            evidence=[Evidence("amp.scale", "", int(scale.steps[-1]), scale.last, "halved at each skipped step")],
            remedies=[ONE_SCALER, FLOAT32],
        )  # fmt: skip
        return
    late = [series.values[series.steps > after] for _, series in run.each("update.skipped")]
    late = [values for values in late if len(values) >= 20]
    skipped = max((float(np.mean(values)) for values in late), default=0.0)
    small = scale.last < 1
    if skipped <= share and not small:
        return
    yield found(
        severity="warning",
        stage="suspect",
        confidence=0.6,
        step=after,
        message=f"Mixed precision keeps skipping steps: {percent(skipped)} of them after step {after}, and the loss scale is {number(scale.last)} (expected above 1).",
        evidence=[Evidence("amp.scale", "", int(scale.steps[-1]), scale.last, "> 1", 1.0)],
        remedies=[FLOAT32, CLIP, LOWER_LR],
    )


def _stuck(run: Run, least: int = 8) -> int:
    """How many of the newest observed steps were all skipped at one and the same scale; 0 below `least`."""
    scale = run.series("amp.scale")
    for _, skipped in run.each("update.skipped"):
        if len(skipped) < least or skipped.steps[-1] < 0.5 * run.step:
            continue
        began = int(skipped.steps[-least])
        same = scale.since(began).values
        moved = [series.since(began) for _, series in run.each("update.zero")]
        if (
            (skipped.values[-least:] > 0).all()
            and len(same) >= least - 1
            and (same == same[-1]).all()
            and not any(map(len, moved))
        ):
            return least
    return 0
