"""Training and validation inputs are not prepared alike."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.apart import apart
from ..record.remedies import SAME_PREPROCESSING
from . import found, rule
from ._network import criterion, kind_of_loss, recent
from ._progress import judged
from ._words import number


@rule(
    "batch_val.shift", "batch_val.scale", "loss.val", "loss.train", "loss.criterion", "accuracy.val", "accuracy.train", "batch.size", "fact:criteria", "event:val", "step",
    "fact:optimizers", "calls.backward", family="data", explains=("overfitting", "batchnorm-train-eval-gap"),
)  # fmt: skip
def train_val_mismatch(run: Run, *, shift: float = 0.25, scale: float = 2.0) -> Iterator[Finding]:
    """Validation inputs have another distribution than training inputs.

    Why it matters: the network is judged on inputs that it was not trained for. Validation is bad from
    the first pass on, however well training goes, and no regularization helps.

    Usual causes: a transform (normalization, resizing, channel order) that is applied to one of the two,
    or statistics computed on each part separately.

    Told apart from: overfitting, where the gap grows with time and the inputs agree; augmentation, which
    changes training inputs a little on purpose and does not make validation worse (an info); chance, by
    asking for five standard errors of the difference between two samples.

    Args:
        run: reads `batch_val.shift` (largest difference of feature means, in standard deviations),
            `batch_val.scale` (ratio of the standard deviations) and both losses and accuracies.
        shift: the difference of means that is too much, if it is also beyond chance.
        scale: the ratio of standard deviations, or its inverse, that is too much.

    Examples:
        >>> series = {"loss.train": [2.3, 0.9, 0.4, 0.2], "loss.val": [2.9, 3.4, 3.6, 3.9]}
        >>> sick = Run.of({**series, "batch_val.shift": {"0": [4.1, 4.1, 4.1]}, "batch_val.scale": {"0": [3.2] * 3}})
        >>> [finding.message for finding in train_val_mismatch(sick)]
        ['Validation inputs differ from training inputs: means by 4.1 standard deviations, spread by a factor 3.2 (expected below 0.707 and about 1), and validation is much worse from the first pass on.']
        >>> list(train_val_mismatch(Run.of({**series, "batch_val.shift": {"0": [0.1]}, "batch_val.scale": {"0": [1.0]}})))
        []

    Source:
        CS231n, Training Neural Networks I: "compute the mean on training data only", then the same for all.
    """
    chance = _chance(run)
    ratios = recent(run, "batch_val.scale")
    for where, off in recent(run, "batch_val.shift").items():
        ratio = ratios.get(where, 1.0)
        uneven = ratio > 0 and abs(math.log(ratio)) > math.log(scale)
        shifted = off > max(shift, 5 * chance)
        if not (shifted or uneven):
            continue
        far, allowed = apart(off, max(shift, 5 * chance), number)
        unmeasured = not any(run.has(name) for name in ("loss.val", "accuracy.val"))
        strong = uneven or off > 1
        suffers = _suffers(run) or (unmeasured and uneven)
        yield found(
            severity="warning" if suffers and strong else "info",
            stage="suspect",
            confidence=(0.75 if unmeasured else 0.9) if suffers and strong else 0.3 if suffers else 0.15,
            step=int(run.series("batch_val.shift", where).steps[0]),
            message=f"Validation inputs differ from training inputs: means by {far} standard deviations, "
            f"spread by a factor {number(ratio)} (expected below {allowed} and about 1)"
            + (", and validation is much worse from the first pass on." if suffers and not unmeasured else "."),
            evidence=[
                Evidence(
                    "batch_val.shift", where, value=off, expected=f"< {number(max(shift, 5 * chance))}", limit=shift
                ),
                Evidence("batch_val.scale", where, value=ratio, expected="about 1"),
            ],
            remedies=[SAME_PREPROCESSING],
        )


def _chance(run: Run) -> float:
    """Standard error of a difference of means, from the sizes of the two samples; 100 each where unknown."""
    sizes = [float(event.detail.get("examples", 0)) for event in run.events_of("val")]
    val = max(sizes, default=0.0)
    val = val if val > 0 else 100.0
    batch = recent(run, "batch.size", 20)
    train = max(10.0, max(batch.values(), default=10.0) * max(10, len(run.series("loss.train"))))
    return math.sqrt(1 / val + 1 / train)


def _suffers(run: Run) -> bool:
    """Was validation clearly worse than training already in its first passes?"""
    mine, other = run.series("accuracy.train"), run.series("accuracy.val")
    fresh = other.steps[other.steps <= mine.steps[-1] + max(5, run.step // 10)] if len(mine) else other.steps[:0]
    if len(fresh) and float(np.median(np.interp(fresh, mine.steps, mine.values) - other.values[: len(fresh)])) > 0.1:
        return True
    train, val = judged(run), run.series("loss.val")
    if len(train) and len(other) and kind_of_loss(run) == "crossentropy" and criterion(run).get("reduction") == "mean":
        # an example answered wrongly costs at least ln 2: so much was right at the least
        level = float(np.median(train.values[train.steps <= other.steps[0]][-20:]))
        if 1 - level / math.log(2) - float(other.values[0]) > 0.1:
            return True
    if not len(train) or not len(val):
        return False
    early = val.values[:3]
    at = np.interp(val.steps[:3], train.steps, train.values)
    return bool(np.median(early) > 1.5 * np.median(np.abs(at)))
