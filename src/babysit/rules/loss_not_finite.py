"""The loss is NaN or infinite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Event, Evidence, Finding, Run
from ..record.remedies import CLIP, FLOAT32, LOWER_LR, advice
from . import found, rule
from ._network import source
from ._progress import judged
from ._words import number

SAFE = advice("Keep logarithms, roots and divisions away from 0", "torch.log(x.clamp_min(1e-8))  # x / (norm + 1e-8)")


@rule("loss.train", "loss.criterion", "weight.nonfinite", "amp.scale", "event:nonfinite", "fact:loops", "step", "fact:optimizers", "calls.backward", family="forward",
      explains=("amp-skips-steps", "dead-relu", "exploding-gradients", "output-ignores-input", "loss-barely-changes", "underfitting", "weights-unchanged", "updates-too-small",
                "minority-class-ignored", "loss-metric-disagree"))  # fmt: skip
def loss_not_finite(run: Run) -> Iterator[Finding]:
    """The loss became NaN or infinite.

    Why it matters: NaN spreads: one backward makes every gradient NaN, one step every weight. The run is lost from there.

    Usual causes: a learning rate too high; a logarithm or root of zero, a division by zero; float16's small range; NaN in
    the data.

    Told apart from: infinite gradients that mixed precision's scaler is there to skip, a single infinite loss that was
    recovered from; the place and step of the first value that is not finite tells the cause.

    Args:
        run: reads the loss and the event `nonfinite` (the first tensor, its module or parameter, the operation).

    Examples:
        >>> from babysit.record import Event
        >>> first = Event(3, "nonfinite", "encoder.norm", {"site": "activation", "op": "log"})
        >>> nan = float("nan")
        >>> [finding.message for finding in loss_not_finite(Run.of({"loss.train": [2.3, 2.2, 2.2, nan, nan]}, events=[first]))]
        ['The loss is not finite since step 3 (it was 2.2 before). The first such value appeared at step 3 in the activation of encoder.norm, by log.']
        >>> list(loss_not_finite(Run.of({"loss.train": [2.3, 2.2, 2.1]})))
        []

    Source:
        An exact fact.
    """
    loss = judged(run) if not run.has("loss.train") else run.series("loss.train")
    bad = np.flatnonzero(~np.isfinite(loss.values))
    weights = [where for where, series in run.each("weight.nonfinite") if series.last > 0]
    if not len(bad) and not weights:
        return
    lasting = bool(weights) or not np.isfinite(loss.values[-1]) or len(bad) > 0.1 * len(loss)
    step = int(loss.steps[bad[0]]) if len(bad) else run.step
    first = _first(run, step)
    where = first.where if first else (weights[0] if weights else None)
    site = first.detail.get("site", "") if first else ""
    op = first.detail.get("op") if first else None
    before = loss.values[: bad[0]] if len(bad) else loss.values
    level = f" (it was {number(float(before[-1]))} before)" if len(before) else ", from the very first step"
    place = (
        f" The first such value appeared at step {first.step} in the {site} of {where or 'the loss'}"
        + (f", by {op}." if op else ".")
        if first
        else ""
    )
    sudden = len(before) < 2 or not float(before[-1]) > 1.5 * float(np.median(before[: max(1, len(before) // 2)]))
    yield found(
        severity="error" if lasting else "warning",
        stage="confirmed",
        confidence=0.8 if sudden and (op or not len(before)) else 0.5,
        step=min(step, first.step) if first else step,
        where=where or None,
        source=source(run, "train"),
        message=f"The loss is not finite since step {step}{level}.{place}",
        evidence=[
            Evidence("loss.train", "", step, str(number(float(loss.values[bad[0]]))) if len(bad) else None, "finite")
        ],
        remedies=[SAFE, LOWER_LR, CLIP, FLOAT32] if sudden else [LOWER_LR, CLIP, SAFE, FLOAT32],
    )


def _first(run: Run, step: int) -> Event | None:
    """The first tensor that was not finite, at the latest when the loss was not."""
    sites = [event for event in run.events_of("nonfinite") if event.step <= step + 1]
    return min(sites, key=lambda event: event.step, default=None)
