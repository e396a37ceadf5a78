"""Labels that can't be right, or whose loss never comes down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._network import criterion, kind_of_loss
from ._progress import READS, progress
from ._words import number, percent

REVIEW = advice("Look at the examples whose loss is largest, and correct or drop the mislabelled ones")
DROP = advice(
    "Leave unlabelled examples out", "labelled = labels >= 0; images, labels = images[labelled], labels[labelled]"
)
VOTE = advice("Have examples labelled several times and take the majority, or weigh annotators by how often they agree")
UNREAD = advice(
    "Stop at a label that is not known, instead of giving it a class",
    "label = ids[name.strip()]  # not ids.get(name, 0)",
)
REMAP = advice("Count the classes from 0 without gaps", "labels = torch.unique(labels, return_inverse=True)[1]")


@rule(
    "target.min", "target.max", "target.classes_seen", "target.commonest", "target.excess", "target.rest_structure",
    "errors.val", "errors.structure", "errors.poured_into", "errors.poured", "errors.poured_rate", "errors.poured_spread",
    "errors.foreseen", "recall.min", "loss.example_outliers", "batch.size", *READS,
    family="labels", explains=("initial-loss-off", "underfitting", "minority-class-ignored", "output-bias-off", "overfitting"),
)  # fmt: skip
def suspicious_labels(run: Run, *, outliers: float = 0.01) -> Iterator[Finding]:
    """Labels look wrong: ids that can't be, classes that never occur, or a few examples that are never learned.

    Why it matters: a wrong label is learned like a right one, by heart. A class map that is off by one
    wastes an output and shifts every answer. Labels that were missing and filled in with one class teach that anything
    may be that class.

    Usual causes: class ids that start at 1, a class missing from the training part, mislabelled examples, a mark for "not
    labelled" (-1, NaN, empty) or a name that was not known (`ids.get(name, 0)`) that was turned into class 0, careless annotators.

    Told apart from: hard examples, whose loss is spread out (this stays an info) and which are taken for classes that look
    like theirs, where a label drawn at random falls on any class alike; a class that is common by nature, beside which
    the others are not equally frequent to the accuracy of their counts, and a class that others shade into, where the network is less
    sure of the answers that turn out wrong, and more are wrong of one class than of another; ids that the loss ignores on purpose (`ignore_index`).

    Args:
        run: reads the smallest and largest class id seen, the number of classes seen and of outputs, how often
            each occurs, whether the errors of validation have a structure, whether most of them have one class for a label that
            comes at the same rate whatever was answered and that nothing foresees, and the share of examples whose loss is more
            than four standard deviations above the batch's mean.
        outliers: share of such examples that is worth a look, when it lasts.

    Examples:
        >>> facts = {"task": {"kind": "classes", "classes": 10}}
        >>> seen = {"target.min": [1.0] * 40, "target.max": [9.0] * 40, "target.classes_seen": [9.0] * 40}
        >>> sick = Run.of({**seen, "batch.size": {"0": [64.0] * 40}, "loss.train": [2.3] * 40}, facts=facts)
        >>> [finding.message for finding in suspicious_labels(sick)]
        ['1 of the 10 classes that the network has outputs for never occurred in 2496 labels (ids seen: 1..9): do the ids start at 1, or is one output too many?']
        >>> seen = {"target.min": [0.0] * 40, "target.max": [9.0] * 40, "target.classes_seen": [10.0] * 40}
        >>> list(suspicious_labels(Run.of({**seen, "batch.size": {"0": [64.0] * 40}, "loss.train": [2.3] * 40}, facts=facts)))
        []

    Source:
        Northcutt et al. 2021, Pervasive label errors; the outlier limit is a proposal of SageMaker Debugger's kind.
    """
    task = run.fact("task") or {}
    classes = task.get("classes") or 0
    if task.get("kind") != "classes" or classes < 2 or kind_of_loss(run) not in ("crossentropy", "nll", ""):
        return
    low, high, seen = run.last("target.min"), run.last("target.max"), run.last("target.classes_seen")
    ignored = criterion(run).get("ignore_index", -100)
    if (low < 0 and low != ignored) or high >= classes:
        yield found(
            severity="error", stage="confirmed", confidence=0.95,
            message=f"Class ids must lie in 0..{classes - 1} (the network has {classes} outputs), but {number(low)}..{number(high)} were seen.",
            evidence=[Evidence("target.max", "", value=high, expected=f"< {classes}")], remedies=[REMAP],
        )  # fmt: skip
    elif 0 < seen < classes and low >= 0 and _examples(run) > 20 * classes:
        missing = int(classes - seen)
        edge = low > 0 or high < classes - 1
        yield found(
            severity="info", stage="suspect", confidence=0.2 if edge else 0.1,
            message=f"{missing} of the {classes} classes that the network has outputs for never occurred in "
            f"{int(_examples(run))} labels (ids seen: {number(low)}..{number(high)})"
            + (": do the ids start at 1, or is one output too many?" if edge else "."),
            evidence=[Evidence("target.classes_seen", "", value=seen, expected=str(classes))], remedies=[REMAP],
        )  # fmt: skip
    yield from list(_poured(run, classes)) or _filled_in(run, classes)
    yield from _errors_without_structure(run)
    share = run.series("loss.example_outliers").values
    now = progress(run)
    if (
        len(share) >= 20
        and float(np.median(share[-20:])) > outliers
        and now.score > 0.9
        and now.score_name == "accuracy.train"
    ):
        yield found(
            severity="info", stage="symptom", confidence=0.15,
            message=f"{percent(float(np.median(share[-20:])))} of the examples keep a loss far above the others' "
            "(4 standard deviations) though nearly all are right: hard examples, or wrong labels.",
            evidence=[Evidence("loss.example_outliers", "", value=float(np.median(share[-20:])), expected=f"< {outliers:g}", limit=outliers)],
            remedies=[REVIEW],
        )  # fmt: skip


def _examples(run: Run) -> float:
    return run.last("batch.size", "0", 0.0) * run.step


def _filled_in(run: Run, classes: int, *, times: float = 4.0, alike: float = 3.0, least: int = 5) -> Iterator[Finding]:
    """One class, the first or the last, is many times as common as the others, which are all equally common."""
    excess, rest, which = run.last("target.excess"), run.last("target.rest_structure"), run.last("target.commonest")
    now = progress(run)
    if (
        classes <= least
        or not excess > times
        or not rest < alike
        or which not in (0, classes - 1)
        or _examples(run) < 30 * classes
    ):
        return
    # where it is learned all the same the class is what it says
    if now.readings < 50 or not now.last > 0.3 * now.chance:
        return
    yield found(
        severity="warning", stage="suspect", confidence=0.6,
        message=f"Class {int(which)} is {number(excess)} times as common as each of the other {classes - 1}, which are equally common among themselves, and "
        f"the loss stays at {number(now.last)} (chance {number(now.chance)}): were missing labels filled in with {int(which)}?",
        evidence=[Evidence("target.excess", "", value=excess, expected="about 1"), Evidence("target.rest_structure", "", value=rest, expected=f"> {alike:g} by nature")],
        remedies=[DROP, REVIEW],
    )  # fmt: skip


def _poured(run: Run, classes: int, *, least: int = 3) -> Iterator[Finding]:
    """Most wrong answers have the first or the last class for a label: at one rate from every class, and nothing in the input says which."""
    names = ("into", "poured", "rate", "spread", "foreseen")
    series = [run.series(f"errors.{one}" if one in ("poured", "foreseen") else f"errors.poured_{one}") for one in names]
    late = [one.values[len(one) // 3 :] for one in series]
    if min(len(one) for one in late) < least or len({len(one) for one in late}) > 1:
        return
    into, share, rate, spread, foreseen = (float(np.median(one)) for one in late)
    if into not in (0, classes - 1) or not share > 0.5 or not rate > 0.1 or not spread < 3 or not foreseen < 0.3:
        return
    yield found(
        severity="warning", stage="suspect", confidence=0.7,
        message=f"{percent(share)} of the wrong answers in validation have label {int(into)}: {percent(rate)} of what is answered with any other class, as many for each of "
        f"them, and the network is as sure of these as of the right ones. Were labels that could not be read set to {int(into)}?",
        evidence=[Evidence("errors.poured_spread", "", int(series[3].steps[-1]), spread, "> 3 where one class is more like it than another", 3.0),
                  Evidence("errors.foreseen", "", int(series[4].steps[-1]), foreseen, "> 0.3 where classes shade into one another", 0.3)],
        remedies=[UNREAD, REVIEW],
    )  # fmt: skip


def _errors_without_structure(
    run: Run, *, errors: float = 0.2, alike: float = 3.0, least: int = 3
) -> Iterator[Finding]:
    """Validation's wrong answers fall on all classes alike, though the network knows the classes apart."""
    structure, wrong, now = run.series("errors.structure"), run.last("errors.val"), progress(run)
    late = structure.values[len(structure) // 3 :]
    if len(late) < least or not wrong > errors or not float(np.median(late)) < alike or not now.unseen > 0.15:
        return
    yield found(
        severity="warning", stage="suspect", confidence=0.55,
        message=f"{percent(wrong)} of the validation labels are answered wrongly, and the wrong ones fall on all other classes alike ({number(float(np.median(late)))} standard deviations "
        "from chance; classes that look alike would be taken for one another): many labels seem to be drawn at random.",
        evidence=[Evidence("errors.structure", "", int(structure.steps[-1]), float(np.median(late)), "> 10 where classes look alike", alike)],
        remedies=[VOTE, REVIEW],
    )  # fmt: skip
