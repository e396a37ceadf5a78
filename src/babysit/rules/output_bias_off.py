"""The output does not start at the base rate."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from . import found, rule
from ._network import kind_of_loss
from ._progress import READS, judged, progress
from ._remedies import OUTPUT_BIAS
from ._words import number, percent


@rule("fact:criteria", *READS, family="init")
def output_bias_off(run: Run, *, share: float = 0.5) -> Iterator[Finding]:
    """The first steps go into learning how often each class occurs.

    Why it matters: with unbalanced classes the loss falls from ln K to the entropy of the labels before anything is
    learned about the inputs: a curve like a hockey stick, whose steep part means nothing.

    Usual causes: an output bias that starts at 0 although some classes are rare.

    Told apart from: an initial loss above ln K (scores too large). It does little harm, so this is an info.

    Args:
        run: reads the first loss, ln K and the entropy of the labels (`target.entropy`).
        share: share of ln K that the base rate alone must explain.

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
