"""The training examples come ordered by class."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import SHUFFLE
from . import found, rule
from ._consequences import NOT_LEARNING
from ._progress import progress
from ._words import number, percent


@rule(
    "target.batch_entropy", "target.entropy", "batch.size", "fact:task", "fact:optimizers", "fact:modules", "target.std",
    family="data", explains=(*NOT_LEARNING, "loss-oscillates", "bad-batch", "exploding-gradients", "learning-rate-too-high", "overfitting",
        "batchnorm-train-eval-gap", "train-val-mismatch"),
)  # fmt: skip
def batches_not_shuffled(run: Run, *, limit: float = 0.5, least: int = 5) -> Iterator[Finding]:
    """The examples come in order, so that a batch holds only one or a few of the classes.

    Why it matters: every batch pulls the network towards its own class and away from what it learned
    from the last one. The training score looks good, since it is measured on the class just seen, and
    validation is at chance.

    Usual causes: a DataLoader without shuffle=True over data sorted by class.

    Told apart from: small batches, which can't hold all classes (the entropy to be expected of a random
    batch of that size is computed exactly), class imbalance (compared with the labels' own entropy),
    and adversarial training, where one batch is all real or all generated on purpose (silent).

    Args:
        run: reads `target.batch_entropy`, the entropy of the labels within one batch, `target.entropy`,
            that of all labels seen, and `batch.size`.
        limit: share of the expected entropy below which batches count as ordered.
        least: readings that are needed.

    Examples:
        >>> sick = Run.of({"target.batch_entropy": [0.1] * 8, "target.entropy": [2.3] * 8, "batch.size": {"0": [64.0] * 8}})
        >>> [finding.message for finding in batches_not_shuffled(sick)]
        ['Batches are not shuffled: the labels within a batch have an entropy of 0.1, 4.5 % of the 2.23 that a random batch of 64 has. Each batch undoes what the last one taught.']
        >>> shuffled = {"target.batch_entropy": [2.2] * 8, "target.entropy": [2.3] * 8, "batch.size": {"0": [64.0] * 8}}
        >>> list(batches_not_shuffled(Run.of(shuffled)))
        []

    Source:
        Bengio 2012, Practical recommendations, 3.1; the expected entropy is that of a multinomial sample.
    """
    inside = run.series("target.batch_entropy").values
    inside = inside[np.isfinite(inside)]
    whole, batch = run.last("target.entropy"), run.last("batch.size", "0")
    if len(inside) < least or not whole > 0.2 or not batch >= 4 or not progress(run).comparable:
        return
    expected = expected_entropy(int(batch), whole)
    share = float(np.median(inside)) / expected
    if share >= limit:
        return
    yield found(
        severity="warning",
        stage="suspect",
        confidence=0.9,
        message=f"Batches are not shuffled: the labels within a batch have an entropy of {number(float(np.median(inside)))}, "
        f"{percent(share)} of the {number(expected)} that a random batch of {int(batch)} has. Each batch undoes what the last one taught.",
        evidence=[Evidence("target.batch_entropy", "", value=float(np.median(inside)), expected=f"about {number(expected)}", limit=limit * expected)],
        remedies=[SHUFFLE],
    )  # fmt: skip


def expected_entropy(batch: int, entropy: float) -> float:
    """Mean entropy of the labels in a random batch, for labels spread evenly over exp(entropy) classes.

    >>> round(expected_entropy(1, 2.3), 6), round(expected_entropy(100_000, math.log(10)), 3)
    (0.0, 2.303)
    """
    classes = math.exp(entropy)
    share = min(1.0, 1 / classes)
    if share >= 1:
        return entropy
    mean, sd = batch * share, math.sqrt(batch * share * (1 - share))
    low, high = max(1, int(mean - 8 * sd)), min(batch, int(mean + 8 * sd) + 1)
    total = 0.0
    for count in range(low, high + 1):
        log_chance = math.lgamma(batch + 1) - math.lgamma(count + 1) - math.lgamma(batch - count + 1)
        log_chance += count * math.log(share) + (batch - count) * math.log1p(-share)
        total -= math.exp(log_chance) * count / batch * math.log(count / batch)
    return max(total * classes, 1e-9)
