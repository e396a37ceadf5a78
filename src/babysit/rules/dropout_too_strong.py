"""Dropout drops too much, or in the wrong place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import NO_DROPOUT, advice
from . import found, rule
from ._network import last_module, modules
from ._progress import READS, grade, judged, progress
from ._words import listed, percent

MOVE = advice("Take dropout off the scores", "# dropout between hidden layers, never after the last one")


@rule(
    *READS,
    "accuracy.val",
    "loss.val",
    family="regularization",
    explains=(
        "underfitting",
        "loss-barely-changes",
        "too-few-updates",
        "loss-metric-disagree",
        "minority-class-ignored",
        "labels-independent-of-inputs",
        "rank-collapse",
        "dead-relu",
    ),
)
def dropout_too_strong(run: Run, *, limit: float = 0.7) -> Iterator[Finding]:
    """Dropout is too strong, or stands behind the last layer.

    Why it matters: dropping nine units of ten leaves too little to learn with; dropping scores makes random classes
    impossible at each step.

    Usual causes: the probability to keep taken for the probability to drop, dropout after the head.

    Told apart from: the usual half, and input dropout in autoencoders; a run that learns well all the same (an info), unless
    nine units of ten are dropped, or the network that is trained is far worse than the whole one is in validation.

    Args:
        run: reads the fact `modules` (each dropout's `p`), whether the run learns, and both losses.
        limit: probability to drop above which it is too strong.

    Examples:
        >>> facts = {"modules": [{"name": "0", "kind": "Linear"}, {"name": "1", "kind": "Dropout", "p": 0.95}, {"name": "2", "kind": "Linear"}]}
        >>> stuck = {"loss.train": [2.3] * 60, "loss.chance": [2.3] * 60}
        >>> [finding.message for finding in dropout_too_strong(Run.of(stuck, facts=facts))]
        ['Dropout is too strong: 1 drops 95 % of the units (usual 10 to 50 %).']
        >>> facts["modules"][1]["p"] = 0.5
        >>> list(dropout_too_strong(Run.of(stuck, facts=facts)))
        []

    Source:
        Srivastava et al. 2014 (0.5 hidden, 0.2 input); UMLAUT warns above 0.5.
    """
    drops = [
        one
        for one in modules(run)
        if "dropout" in str(one.get("kind", "")).lower() and isinstance(one.get("p"), int | float)
    ]
    strong = [one for one in drops if one["p"] > limit]
    last = last_module(run)
    behind = len(modules(run)) > 1 and last in drops and last.get("p", 0) > 0
    if not strong and not behind:
        return
    now = progress(run)
    where = strong[0]["name"] if strong else last.get("name")
    text = (
        f"{listed([one['name'] for one in strong])} drops {percent(max(one['p'] for one in strong))} of the units (usual 10 to 50 %)"
        if strong
        else f"{where} drops the network's own output"
    )
    crippled = (
        bool(strong) and (max(one["p"] for one in strong) >= 0.9 or _worse_in_training(run)) and now.readings >= 10
    )
    low = now.skill < 0.5 if now.skill == now.skill else not now.learning
    yield found(
        severity="warning" if crippled else grade(run, "warning") if low or behind else "info",
        stage="suspect",
        confidence=0.65 if crippled else 0.1 if now.winning else 0.7 if low else 0.4,
        where=where,
        message=f"Dropout is {'too strong' if strong else 'in the wrong place'}: {text}.",
        evidence=[
            Evidence(
                "fact:modules",
                where,
                value=float(strong[0]["p"] if strong else last.get("p", 0)),
                expected=f"< {limit:g}",
                limit=limit,
            )
        ],
        remedies=[NO_DROPOUT] if strong else [MOVE, NO_DROPOUT],
    )


def _worse_in_training(run: Run, times: float = 1.5) -> bool:
    """Is the loss with units dropped far above that of the whole network, on unseen examples at that?"""
    val, train = run.series("loss.val").tail(3), judged(run).tail(30)
    train = train[np.isfinite(train)]
    return bool(len(val) and len(train)) and float(np.median(train)) > times * float(np.median(val)) > 0
