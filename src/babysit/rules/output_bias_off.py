"""The output does not start at the base rate."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import OUTPUT_BIAS, STANDARDIZE_TARGETS
from . import found, rule
from ._network import kind_of_loss
from ._progress import READS, judged, progress
from ._words import number, percent


@rule("fact:criteria", "target.mean", "output.mean", *READS, family="init", explains=("initial-loss-off",))
def output_bias_off(run: Run, *, share: float = 0.5) -> Iterator[Finding]:
    """The first steps go into learning how often each class occurs.

    Why it matters: with unbalanced classes the loss falls from ln K to the entropy of the labels before anything is
    learned about the inputs: a curve like a hockey stick, whose steep part means nothing.

    With numbers the output starts at about 0, and as long as it has not reached the targets' mean the network is worse than
    the mean alone: with Adam, whose steps do not grow with the error, that takes |mean| / lr steps.

    Usual causes: an output bias that starts at 0 although some classes are rare, or the targets' mean is far from 0.

    Told apart from: an initial loss above ln K (scores too large). With classes it does little harm, so this is an info; with
    numbers a warning where a good part of the run goes into it.

    Args:
        run: reads the first loss, ln K and the entropy of the labels (`target.entropy`), or the means of targets and outputs.
        share: share of ln K, or of the first squared error, that the base rate alone must explain.

    Examples:
        >>> facts = {"task": {"kind": "binary", "classes": 2}, "criteria": [{"kind": "BCEWithLogitsLoss"}]}
        >>> sick = Run.of({"loss.train": [0.7, 0.4] + [0.1] * 20, "target.entropy": [0.1] * 22}, facts=facts)
        >>> [finding.message for finding in output_bias_off(sick)]
        ['The loss begins at 0.7; knowing only how often each class occurs gives 0.1. 86 % of the first loss is unlearning of equal odds.']
        >>> list(output_bias_off(Run.of({"loss.train": [0.7] * 20, "target.entropy": [0.69] * 20}, facts=facts)))
        []

    Source:
        Karpathy, A recipe for training neural networks: init well. The saving is ln K - H(y), exactly.
    """
    yield from _mean_not_met(run)
    kind, entropy, loss = kind_of_loss(run), run.last("target.entropy"), judged(run)
    classes = 2 if kind in ("bcewithlogits", "bce") else (run.fact("task") or {}).get("classes") or 0
    if (
        kind not in ("crossentropy", "bcewithlogits", "bce")
        or classes < 2
        or not entropy > 0
        or not len(loss)
        or loss.steps[0] > 1
        or progress(run).readings < 20
    ):
        return
    chance = math.log(classes)
    saved = chance - entropy
    if saved < share * chance or loss.first < entropy + 0.5 * saved:
        return
    yield found(
        severity="info",
        stage="suspect",
        confidence=0.05,
        step=int(loss.steps[0]),
        message=f"The loss begins at {number(loss.first)}; knowing only how often each class occurs gives {number(entropy)}. "
        f"{percent(saved / chance)} of the first loss is unlearning of equal odds.",
        evidence=[Evidence("loss.train", "", int(loss.steps[0]), loss.first, f"about {number(entropy)}", entropy)],
        remedies=[OUTPUT_BIAS],
    )


def _mean_not_met(run: Run, *, part: float = 0.2, times: float = 3.0) -> Iterator[Finding]:
    """A squared error that is mostly (mean of the output - mean of the targets)² at first, and for a good part of the run."""
    loss, output, targets = judged(run), run.series("output.mean"), run.series("target.mean")
    now = progress(run)
    if (
        kind_of_loss(run) != "mse" or not len(output) or not len(targets) or output.steps[0] > 2 or now.readings < 50
        or not now.comparable or not now.chance > 0 or not loss.first > times * now.chance
    ):  # fmt: skip
        return
    apart = (targets.last - output.first) ** 2
    good = np.isfinite(loss.values)
    worse = float(np.mean(loss.values[good] > now.chance))
    if apart < 0.5 * loss.first or worse < part:
        return
    yield found(
        severity="warning", stage="suspect", confidence=0.6, step=int(loss.steps[0]),
        message=f"The output starts at {number(output.first)}, the targets' mean is {number(targets.last)}: {percent(min(1.0, apart / loss.first))} of the "
        f"first loss ({number(loss.first)}) is that difference, and for {percent(worse)} of the run the network was worse than the mean alone ({number(now.chance)}).",
        evidence=[
            Evidence("output.mean", "", int(output.steps[0]), output.first, f"about {number(targets.last)}"),
            Evidence("loss.train", "", int(loss.steps[0]), loss.first, f"about {number(now.chance)}", now.chance),
        ],
        remedies=[OUTPUT_BIAS, STANDARDIZE_TARGETS],
    )  # fmt: skip
