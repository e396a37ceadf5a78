"""Adam's epsilon or betas are out of the ordinary."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import BETAS, EPS, LARGER_EPS
from . import found, rule
from ._network import adaptive, hyper, optimizers, recent, source
from ._progress import READS, grade, progress
from ._words import number


@rule(
    "gradient.rms",
    "loss.train",
    "fact:optimizers",
    *READS,
    family="rate",
    explains=(
        "loss-not-finite",
        "learning-rate-too-low",
        "updates-too-small",
        "loss-barely-changes",
        "exploding-gradients",
        "underfitting",
    ),
)
def optimizer_epsilon_unsafe(run: Run, *, low: float = 1e-12, much: float = 3.0) -> Iterator[Finding]:
    """Adam's epsilon (or its betas) can't be right for these gradients.

    Why it matters: Adam divides each gradient by its own running size plus epsilon. An epsilon of almost 0 divides
    rounding by rounding where gradients vanish; one above the gradients turns Adam into plain SGD with the rate lr/eps.

    Usual causes: eps and weight_decay exchanged, eps=0, betas in the wrong order.

    Told apart from: a learning rate too low in itself (epsilon would be far below the gradients), bad data.

    Args:
        run: reads the fact `optimizers` (eps, betas) and `gradient.rms`.
        low: epsilon below which float32 has no digits left for it beside usual gradients.
        much: times the size of the gradients, at the start and now, that epsilon may be: from there on a step is less than a
            quarter of what Adam would make.

    Examples:
        >>> facts = {"optimizers": [{"kind": "Adam", "groups": [{"lr": 1e-3, "eps": 0.1, "betas": [0.9, 0.999]}]}]}
        >>> sick = Run.of({"gradient.rms": {"0.weight": [1e-4] * 20}, "loss.train": [2.3] * 20}, facts=facts)
        >>> [finding.message for finding in optimizer_epsilon_unsafe(sick)]
        ["The optimizer's settings don't fit: epsilon is 0.1, 1000 times the gradients (0.0001): it decides the size of the step, and Adam acts as SGD with rate lr/eps."]
        >>> facts = {"optimizers": [{"kind": "Adam", "groups": [{"lr": 1e-3, "eps": 1e-8, "betas": [0.9, 0.999]}]}]}
        >>> list(optimizer_epsilon_unsafe(Run.of({"gradient.rms": {"0.weight": [1e-4] * 20}, "loss.train": [2.3] * 20}, facts=facts)))
        []

    Source:
        Kingma & Ba 2015; DeepDiagnosis' taxonomy: epsilon too low. The comparison is the formula of the update.
    """
    if not optimizers(run) or not adaptive(run):
        return
    eps, now = hyper(run, "eps"), progress(run)
    usual = _usual(run)
    first, second = _betas(run)
    broken = now.readings >= 3 and not math.isfinite(run.last("loss.train"))
    if eps > much * usual and eps > 1e-6:
        text, severity, sure, remedies = (f"epsilon is {number(eps)}, {number(eps / usual)} times the gradients ({number(usual)}): it decides the size of the step, "
            f"and Adam acts as SGD with rate lr/eps"), grade(run, "warning"), 0.8, [EPS]  # fmt: skip
    elif 0 <= eps < low:
        text, severity, sure, remedies = (
            (f"epsilon is {number(eps)} (usual 1e-8): where a gradient vanishes, Adam divides 0 by 0"),
            "error" if broken else "info",
            0.7 if broken else 0.1,
            [EPS, LARGER_EPS],
        )
    elif first > second or first >= 0.999:
        text, severity, sure, remedies = (
            f"betas are {first:g} and {second:g} (usual 0.9 and 0.999): the step follows gradients long past",
            grade(run, "warning"),
            0.6,
            [BETAS],
        )
    else:
        return
    yield found(
        severity=severity,
        stage="suspect",
        confidence=0.1 if now.winning else sure,
        step=0,
        source=source(run, "optimizer"),
        message=f"The optimizer's settings don't fit: {text}.",
        evidence=[
            Evidence("fact:optimizers", None, 0, eps, "1e-8"),
            Evidence("gradient.rms", None, now.step, usual, f"> {number(eps)}"),
        ],
        remedies=remedies,
    )


def _usual(run: Run) -> float:
    """The usual size of a gradient's element: at the start or now, whichever is larger, median over the parameters."""
    now = [value for value in recent(run, "gradient.rms", 20).values() if value > 0]
    first = [float(np.median(series.values[:20])) for _, series in run.each("gradient.rms") if len(series)]
    sizes = [float(np.median(values)) for values in (now, first) if values]
    return max(sizes, default=math.nan)


def _betas(run: Run) -> tuple[float, float]:
    for one in optimizers(run):
        for group in one.get("groups", ()):
            betas = group.get("betas")
            if isinstance(betas, list | tuple) and len(betas) >= 2:
                return float(betas[0]), float(betas[1])
    return 0.9, 0.999
