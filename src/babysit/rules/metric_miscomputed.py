"""The score that the script works out is not the score."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._words import number

FLATTEN = advice(
    "Give both sides one number for each example", "right = (logits.argmax(1).reshape(-1) == y.reshape(-1)).sum()"
)
WHICH = advice(
    "Compare the place of the largest score, not the score",
    "right = (logits.argmax(1) == y).sum()  # or .max(1).indices",
)
CLASSES = advice("Look for the largest along the classes", "right = (logits.argmax(1) == y).sum()")
DECIDE = advice("Decide by the sign of the score", "predicted = (scores > 0).float()")
TOGETHER = advice(
    "Collect the labels beside the answers, or don't shuffle validation",
    "labels.append(y)  # in the loop, beside answers.append(model(x).argmax(1))",
)
COUNT = advice("Divide by the examples that were compared", "accuracy = right / len(dataset)")


@rule("fact:metric", family="loss", explains=("loss-metric-disagree", "underfitting"))
def metric_miscomputed(run: Run) -> Iterator[Finding]:
    """The script's own score is worked out wrongly: what it prints is not how good the network is.

    Why it matters: a good network looks useless, or a useless one good, and everything that is chosen by that number
    (the learning rate, the epoch to stop at, the model to keep) is chosen by noise.

    Usual causes: predictions of shape (N, 1) compared with labels of shape (N,), which compares each with all;
    `max(1).values`, the score itself, compared with class ids; argmax over the examples instead of the classes; scores that are rounded before a sigmoid; answers collected from a
    loader that shuffles, and labels taken from the data set; a sum of
    rights divided by a count that isn't the number of examples.

    Told apart from: other scores (top-5, F1, a mean over batches): one side of the comparison must be exactly what the
    model's output says, or its raw scores, or be looked for along the examples and compared with one label for each of them;
    a printed number must stand in one ratio to the true share over several passes in which that share moves.

    Args:
        run: reads the fact `metric`: what of a comparison, or of a printed accuracy, can't be right, and where.

    Examples:
        >>> fact = {"metric": {"problem": "broadcast", "shapes": [[64, 1], [64]], "source": "train.py:40"}}
        >>> [finding.message for finding in metric_miscomputed(Run.of(facts=fact))]
        ['The accuracy is worked out wrongly: predictions of shape (64, 1) are compared with labels of shape (64,), which compares every prediction with every label.']
        >>> list(metric_miscomputed(Run.of()))
        []

    Source:
        An exact fact of the comparison's own operands.
    """
    known = run.fact("metric") or {}
    problem, shapes = known.get("problem"), [tuple(one) for one in known.get("shapes") or ((), ())]
    if problem == "broadcast":
        text = f"predictions of shape {shapes[0]} are compared with labels of shape {shapes[1]}, which compares every prediction with every label"
        remedy = FLATTEN
    elif problem == "scores":
        text, remedy = (
            "the largest score itself, not its place, is compared with the labels, and a score is no class id",
            WHICH,
        )
    elif problem == "axis":
        text, remedy = (
            "the largest is looked for along the examples, not along the classes, before it is compared with the labels",
            CLASSES,
        )
    elif problem == "rounded":
        text, remedy = (
            "the scores themselves are rounded and compared with 0 and 1, as if they were probabilities, but they lie beyond 0 and 1",
            DECIDE,
        )
    elif problem == "order":
        text, remedy = (
            "the answers of a whole pass are compared with its labels in another order than the batches came in, as if each example were another",
            TOGETHER,
        )
    elif problem == "count":
        text = f"the printed number is always {number(known['ratio'])} times the true share of rights, over {known['passes']} passes"
        remedy = COUNT
    else:
        return
    yield found(
        severity="error" if problem != "count" else "warning",
        stage="confirmed",
        confidence=0.9 if problem != "count" else 0.8,
        source=known.get("source"),
        message=f"The accuracy is worked out wrongly: {text}.",
        evidence=[Evidence("fact:metric", problem, value=str(shapes), expected="one prediction for each label")],
        remedies=[remedy],
    )  # fmt: skip
