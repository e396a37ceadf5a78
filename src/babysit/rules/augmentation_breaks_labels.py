"""An augmentation turns examples of one class into examples of another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._progress import READS, progress
from ._words import listed, percent

LEAVE_OUT = advice("Leave that augmentation out, or turn the label with the example")


@rule(
    "errors.twins", "fact:turns", "fact:turned_classes", *READS,
    family="labels", explains=("underfitting", "loss-barely-changes", "rank-collapse", "train-val-mismatch"),
)  # fmt: skip
def augmentation_breaks_labels(run: Run, *, alike: float = 0.7, least: int = 2) -> Iterator[Finding]:
    """Examples are flipped or turned in training, and two classes can't be told apart: a turned 6 is a 9.

    Why it matters: an augmentation says what makes no difference to the label. Where it does make one, the network
    is told that two classes are the same, and can only guess which.

    Usual causes: the augmentations of photographs used for digits, letters, arrows, medical images; crops that cut the
    object off.

    Told apart from: classes that look alike, most of whose examples are told apart all the same; the start of training, when
    every class is taken for others too. It is proven on a copy of the network: a linear classifier of what a layer knows of
    validation's examples tells the two classes apart, takes each for the other once it is flipped, and fails on the training's examples.

    Args:
        run: reads the fact `turns` (flips and rotations heard again and again outside of the models), and `errors.twins`,
            how much of the answers to the two classes that are told apart worst agrees; the fact `turned_classes`, the proof.
        alike: agreement of the answers above which two classes are not told apart.
        least: looks at the answers that are needed.

    Examples:
        >>> facts = {"task": {"kind": "classes", "classes": 4}, "turns": [{"kind": "flip", "source": "train.py:31"}]}
        >>> sick = {"errors.twins": [0.8, 0.93, 0.91], "loss.train": [1.3] * 20 + [0.7] * 280}
        >>> [finding.message for finding in augmentation_breaks_labels(Run.of(sick, facts=facts))]
        ['Examples are turned while it trains (flip), and two classes get nearly the same answers (91 % agree): turned, an example of the one looks like one of the other.']
        >>> list(augmentation_breaks_labels(Run.of({**sick, "errors.twins": [0.5, 0.2, 0.1]}, facts=facts)))
        []
        >>> proof = {"classes": [6, 9], "turn": "half a turn", "network": 0.5, "alone": 0.98, "trained": 0.52, "turned": 0.97}
        >>> [finding.stage for finding in augmentation_breaks_labels(Run.of(facts={"turned_classes": proof}))]
        ['confirmed']

    Source:
        Shorten & Khoshgoftaar 2019, A survey on image data augmentation ("safety" of a transformation).
    """
    turns, proof = run.fact("turns") or [], run.fact("turned_classes")
    if proof:
        first, second = proof["classes"]
        yield found(
            severity="error", stage="confirmed", confidence=0.95, source=turns[0].get("source") if turns else None,
            message=f"Training examples of classes {first} and {second} are turned into one another ({proof['turn']}), and keep their labels: the network "
            f"tells {percent(proof['network'])} of them apart, a linear classifier of what its own layer knows of validation's {percent(proof['alone'])}, "
            f"but only {percent(proof['trained'])} of the training's.",
            evidence=[Evidence("fact:turned_classes", None, value=float(proof["turned"]), expected="as few turned examples as others on the wrong side")],
            remedies=[LEAVE_OUT],
        )  # fmt: skip
        return
    pair = run.series("errors.twins").values
    now = progress(run)
    if not turns or len(pair) < least or now.readings < 50 or (now.slope < -3 and not now.ended):
        return
    share = float(np.median(pair[-3:]))
    if not share > alike:
        return
    yield found(
        severity="warning",
        stage="suspect",
        confidence=0.7,
        source=turns[0].get("source"),
        message=f"Examples are turned while it trains ({listed([one['kind'] for one in turns])}), and two classes get nearly "
        f"the same answers ({percent(share)} agree): turned, an example of the one looks like one of the other.",
        evidence=[
            Evidence("errors.twins", "", value=share, expected=f"below {alike:g}", limit=alike),
            Evidence("fact:turns", None, value=str(turns[0]["kind"]), expected="none that changes the label"),
        ],
        remedies=[LEAVE_OUT],
    )
