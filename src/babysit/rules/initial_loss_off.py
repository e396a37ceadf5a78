"""The first loss is not what chance gives."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import OUTPUT_BIAS, SMALL_HEAD
from . import found, rule
from ._network import criterion, kind_of_loss
from ._progress import READS, grade, judged, progress
from ._words import number


@rule(
    "output.logit_std",
    "batch.mean",
    "batch.std",
    "batch.size",
    "fact:criteria",
    *READS,
    family="init",
    explains=("loss-oscillates", "output-bias-off"),
)
def initial_loss_off(run: Run, *, wild: float = 4.0, warn: float = 2.0, note: float = 1.5) -> Iterator[Finding]:
    """The loss does not begin at what chance gives (ln K for K classes).

    Why it matters: a fresh network knows nothing, and should say so. A first loss above ln K means that it is sure
    of wrong answers: the first steps go into unlearning that, and the gradients are larger than the learning rate
    was chosen for.

    Usual causes: a last layer that starts too large, inputs that are not normalized.

    Told apart from: a pretrained network (begins lower: silent), a loss that is summed over the batch, a
    learning rate too high (the first loss is measured before any step).

    Args:
        run: reads the first loss, and `output.logit_std`: logits with standard deviation s begin at ln K + s²/2.
        wild: times ln K that deserve a warning whatever comes after: no network that knows nothing is that sure.
        warn: times ln K that deserve a warning in a run that does not learn.
        note: times ln K that deserve a note.

    Examples:
        >>> facts = {"task": {"kind": "classes", "classes": 10}, "criteria": [{"kind": "CrossEntropyLoss"}]}
        >>> sick = Run.of({"loss.train": [11.2, 9.0] + [2.9] * 20, "output.logit_std": [4.4] * 22, "loss.chance": [2.3] * 22}, facts=facts)
        >>> [finding.message for finding in initial_loss_off(sick)]
        ['The loss begins at 11.2, chance is ln 10 = 2.3: the untrained network is sure of wrong answers. Its scores have a standard deviation of 4.4, which alone gives 12.']
        >>> list(initial_loss_off(Run.of({"loss.train": [2.41] * 20}, facts=facts)))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: "double check that the loss is reasonable"; the closed form is the
        mean of log-sum-exp over gaussian logits.
    """
    loss = judged(run)
    task, one = run.fact("task") or {}, criterion(run)
    if (
        not len(loss)
        or loss.steps[0] > 1
        or one.get("reduction") == "sum"
        or kind_of_loss(run) not in ("crossentropy", "nll", "bcewithlogits", "bce")
    ):
        return
    classes = 2 if kind_of_loss(run) in ("bcewithlogits", "bce") else task.get("classes") or 0
    batch = run.last("batch.size", "0")
    if classes < 2 or not math.isfinite(loss.first) or one.get("weighted"):
        return
    chance, first = math.log(classes), loss.first
    if first < note * chance or (
        batch >= 8 and 0.8 < first / (batch * chance) < 1.25 and one.get("reduction") != "mean"
    ):
        return
    spread = run.series("output.logit_std")
    wide = spread.first if len(spread) and spread.steps[0] <= 1 else math.nan
    because = (
        f" Its scores have a standard deviation of {number(wide)}, which alone gives {number(chance + wide * wide / 2)}."
        if wide > 0.5
        else ""
    )
    loud = first >= wild * chance and not _large_inputs(run)  # those would be the cause, and are told by themselves
    yield found(
        severity="warning" if loud else grade(run, "warning") if first >= warn * chance else "info",
        stage="suspect",
        confidence=0.5 if loud else 0.1 if progress(run).winning or first < warn * chance else 0.4,
        step=int(loss.steps[0]),
        source=one.get("source"),
        message=f"The loss begins at {number(first)}, chance is ln {classes} = {number(chance)}: the untrained network is sure of wrong answers.{because}",
        evidence=[
            Evidence("loss.train", "", int(loss.steps[0]), first, f"about {number(chance)}", chance),
            *([Evidence("output.logit_std", "", int(spread.steps[0]), wide, "below 0.5")] if wide > 0.5 else []),
        ],
        remedies=[SMALL_HEAD, OUTPUT_BIAS],
    )


def _large_inputs(run: Run, size: float = 5.0) -> bool:
    found = [abs(series.last) for what in ("batch.mean", "batch.std") for _, series in run.each(what)]
    return max(found, default=0.0) > size
