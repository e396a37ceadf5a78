"""The loss grows with the batch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import LOWER_LR, MEAN
from . import found, rule
from ._consequences import BAD_START, BLOW_UP, NOT_LEARNING
from ._network import adaptive, criterion
from ._progress import READS, grade, judged, progress
from ._words import number


@rule("batch.size", "fact:criteria", *READS, family="loss", explains=(*BLOW_UP, *BAD_START, *NOT_LEARNING))
def loss_summed(run: Run) -> Iterator[Finding]:
    """The loss is summed over the batch instead of averaged.

    Why it matters: the gradient is then as many times larger as there are examples in the batch. The
    learning rate means something else with every batch size, and usual values are far too large.

    Usual causes: reduction="sum", a loop that adds up the losses of the examples.

    Told apart from: a sum on purpose, with a learning rate to match or an optimizer such as Adam, whose
    steps do not follow the gradient's size: then the run goes well, and this is an info.

    Args:
        run: reads the criterion's `reduction`, and the first loss against (batch size) x ln K.

    Examples:
        >>> facts = {"criteria": [{"kind": "CrossEntropyLoss", "reduction": "sum"}], "optimizers": [{"kind": "SGD"}]}
        >>> sick = Run.of({"loss.train": [147.0, 900.0, 2e4] + [3e4] * 20, "batch.size": {"0": [64.0]}}, facts=facts)
        >>> [finding.message for finding in loss_summed(sick)]
        ['The loss is a sum over the batch (first value 147 for 64 examples): the gradient is 64 times that of a mean, and the learning rate that much too large in effect.']
        >>> facts = {"criteria": [{"kind": "CrossEntropyLoss", "reduction": "mean"}]}
        >>> list(loss_summed(Run.of({"loss.train": [2.3] * 20, "batch.size": {"0": [64.0]}}, facts=facts)))
        []

    Source:
        An exact fact of the criterion; TheDeepChecker tests it by doubling the batch.
    """
    batch, first = run.last("batch.size", "0"), judged(run).first
    task = run.fact("task") or {}
    declared = criterion(run).get("reduction") == "sum"
    classes = 2 if task.get("kind") == "binary" else task.get("classes") or 0
    chance = math.log(classes) if classes > 1 else math.nan
    unsaid = not criterion(run) or criterion(run).get("reduction") == "none"
    looks = (
        unsaid and task.get("kind") in ("classes", "binary") and batch >= 8 and 0.8 < first / (batch * chance) < 1.25
    )
    if not (declared or looks) or not batch > 1:
        return
    now = progress(run)
    harms = not adaptive(run) and not now.winning
    yield found(
        severity=grade(run, "warning", least=3) if harms else "info",
        stage="confirmed" if declared else "suspect",
        confidence=0.75 if harms else 0.1,
        source=criterion(run).get("source"),
        message=f"The loss is a sum over the batch (first value {number(first)} for {int(batch)} examples): the gradient is {int(batch)} times that of a mean"
        + (", and the learning rate that much too large in effect." if harms else "."),
        evidence=[
            Evidence("loss.train", "", 0, first, f"about {number(chance)}" if math.isfinite(chance) else "a mean")
        ],
        remedies=[MEAN, LOWER_LR],
    )
