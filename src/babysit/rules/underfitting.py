"""The network can't even fit its training examples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import LONGER, RAISE_LR, WIDER
from . import found, rule
from ._network import goes_on, module, weights
from ._progress import READS, progress
from ._words import number, percent


@rule("loss.val", "fact:modules", "fact:parameters", *READS, family="generalization")
def underfitting(run: Run, *, low: float = 0.9, gap: float = 0.02, least: int = 200) -> Iterator[Finding]:
    """The network underfits: training itself stays far from perfect, and validation is no worse.

    Why it matters: with no gap between training and validation there is room for a larger network or a longer training:
    regularization would only hurt.

    Usual causes: too few units (a warning where a hidden layer of a classifier is a bottleneck), too few steps, too much regularization; or a task that can't be learned better.

    Told apart from: a fault that keeps the network from learning (found by itself, and then the cause of this), a training
    that still gets better (said so), chance.

    Args:
        run: reads the scores of training and validation and the slope at the end.
        low: skill (0 a constant guess, 1 perfect) above which a fit is good enough.
        gap: largest difference of the scores.
        least: steps that are needed.

    Examples:
        >>> facts = {"task": {"kind": "classes", "classes": 10}}
        >>> flat = {"loss.train": [2.3] * 20 + [1.4] * 300, "accuracy.train": [0.1] * 20 + [0.5] * 300, "accuracy.val": [0.1] * 20 + [0.5] * 300}
        >>> [finding.message for finding in underfitting(Run.of(flat, facts=facts))]
        ['The network underfits: accuracy is 50 % in training and 50 % in validation. There is no gap: a larger network could do better (the loss stays at 1.4).']
        >>> good = {**flat, "accuracy.train": [0.98] * 320, "accuracy.val": [0.97] * 320}
        >>> list(underfitting(Run.of(good, facts=facts)))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: "no gap => increase model capacity?"
    """
    now = progress(run)
    if now.step < least or now.readings < 30 or not now.comparable or now.relapsed:
        return
    kind = now.score_name.partition(".")[0]
    val = run.series(f"{kind}.val").values if kind else np.empty(0)
    seen = float(np.median(val[-3:])) if len(val) else math.nan
    skill = now.skill
    if kind and not math.isnan(now.score):
        skill = (now.score - now.guess) / (1 - now.guess) if kind == "accuracy" and now.guess < 1 else now.score
    neck = _neck(run)
    if (
        not 0.02 < (now.skill if neck else skill) < low
        or (len(val) and seen < now.score - gap)
        or not (len(val) or neck)
    ):
        return
    falling = now.slope < -3
    poor = skill < 0.2 and not falling and now.step >= 5 * least
    score = (
        f"{kind} is {percent(now.score)} in training and {percent(seen)} in validation. There is no gap: "
        if len(val)
        else ""
    )
    if neck:
        where, width = neck
        score += f"everything has to go through the {width:.0f} units of {where}, which is hardly enough: a wider layer could do better"
    else:
        score += "the loss still falls, so train longer" if falling else "a larger network could do better"
    yield found(
        severity="warning" if poor or neck else "info",
        stage="suspect",
        confidence=0.5 if neck else 0.4 if poor else 0.15,
        step=now.step,
        where=neck[0] if neck else None,
        message=f"The network underfits: {score}{'' if falling and not neck else f' (the loss stays at {number(now.last)})'}.",
        evidence=[
            *([Evidence(now.score_name, "", now.step, now.score, "about 1")] if now.score_name else []),
            *([Evidence(f"{kind}.val", "", now.step, seen, f"below {number(now.score)}")] if len(val) else []),
            Evidence("loss.train", "", now.step, now.last, "lower"),
        ],
        remedies=[LONGER, WIDER] if falling and not neck else [WIDER, LONGER, RAISE_LR],
    )


def _neck(run: Run, narrow: int = 4) -> tuple[str, float] | None:
    """(place, units) of a hidden layer that is too narrow for a classifier: `narrow` units or fewer than half the classes.

    Of an autoencoder, a regression or a single layer nothing of the kind can be said, and a head that no other layer
    follows is as wide as its answer.
    """
    task = run.fact("task") or {}
    classes = int(task.get("classes") or 0)
    if task.get("kind") not in ("classes", "binary", "sequence"):
        return None
    own = weights(run)
    if len(own) > 6:
        return None  # in a large net there may be ways around it
    hidden = [
        (one.get("module") or one["name"], _units(run, one))
        for index, one in enumerate(own[:-1])
        if goes_on(run, index)
    ]
    where, units = min(hidden, key=lambda one: one[1], default=("", math.inf))
    return (where, units) if units <= narrow or 2 * units < classes else None


def _units(run: Run, weight: Mapping[str, Any]) -> float:
    """Outputs of the dense or recurrent layer that this weight belongs to (of a recurrence its state, not its gates)."""
    layer = module(run, weight.get("module") or "")
    if layer.get("role") == "recurrent":
        return float(layer.get("hidden") or math.inf)
    return float(weight["shape"][0]) if layer.get("role") == "linear" else math.inf
