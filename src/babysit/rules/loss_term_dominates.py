"""One term of the loss drowns the criterion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._consequences import NOT_LEARNING
from ._network import is_matrix
from ._progress import READS, grade, progress
from ._words import number, percent


@rule(
    *READS,
    "loss.addends",
    "output.between",
    "weight.norm",
    family="loss",
    explains=(*NOT_LEARNING, "exploding-gradients", "learning-rate-too-high", "clipping-too-tight"),
)
def loss_term_dominates(run: Run, *, ratio: float = 100.0, least: int = 20) -> Iterator[Finding]:
    """One term of a composite loss is so large that the others don't count.

    Why it matters: the optimizer follows the sum of the gradients. A term a hundred times larger than the criterion
    decides every step, and what the criterion asks for is hardly learned.

    Of several criteria the drowned one stays where it began while the others are learned. A penalty on what lies inside (the
    KL term of a variational autoencoder) is smallest where nothing of the input gets through: where it decides, the
    output becomes the same for every example.

    Usual causes: terms in different units, a penalty with a weight too large, a sum beside a mean.

    Told apart from: a small auxiliary term on purpose (the criterion itself is then the large one), a scale that
    mixed precision puts on the loss, and runs that learn well all the same.

    Args:
        run: reads `loss.train`, the whole, beside `loss.criterion`, each criterion's part of it, `loss.chance` of each, how many
            `loss.addends` there are, and whether the output still depends on the input (`output.between`).
        ratio: the rest over the criterion above which the rest drowns it.
        least: readings that are needed.

    Examples:
        >>> sick = Run.of({"loss.train": [2302.3] * 40, "loss.criterion": [2.3] * 40})
        >>> [finding.message for finding in loss_term_dominates(sick)]
        ['The other terms of the loss are 1000 times as large as the criterion (2.3 of 2302; limit 100): they decide every step.']
        >>> list(loss_term_dominates(Run.of({"loss.train": [2.5] * 40, "loss.criterion": [2.3] * 40})))
        []

    Source:
        Kendall et al. 2018, Multi-task learning using uncertainty to weigh losses (why terms need weighing).
    """
    yield from _drowned(run)
    yield from _shut(run)
    own, total = run.series("loss.criterion"), run.series("loss.train")
    if len(own) < least or len(total) < least or run.has("amp.scale"):
        return
    at = np.interp(own.steps[-least:], total.steps, total.values)
    value = own.values[-least:]
    good = np.isfinite(at) & np.isfinite(value) & (np.abs(value) > 0)
    if good.sum() < least // 2:
        return
    rest = float(np.median(np.abs(at - value)[good] / np.abs(value)[good]))
    if rest < ratio:
        return
    yield found(
        severity=grade(run, "warning"),
        stage="suspect",
        confidence=0.6,
        message=f"The other terms of the loss are {number(rest)} times as large as the criterion ({number(float(value[-1]))} of {number(float(at[-1]))}; "
        f"limit {ratio:g}): they decide every step.",
        evidence=[
            Evidence("loss.criterion", "", value=float(value[-1]), expected=f"a fair part of {number(float(at[-1]))}")
        ],
        remedies=[
            advice(
                "Weigh the terms so that their gradients are of one size", "loss = criterion_loss + 0.01 * other_term"
            )
        ],
    )


WEIGH = advice("Weigh the terms so that their gradients are of one size", "loss = first + weight * second")


def _drowned(run: Run, *, part: float = 0.02, learned: float = 0.5, least: int = 8) -> Iterator[Finding]:
    """Of several criteria one has hardly a part in the loss, and is not learned, while another is.

    Their weights are solved from the losses: total = sum of weight times criterion, at every step alike.
    """
    total = run.series("loss.train")
    places = [where for where in run.places("loss.criterion") if len(run.series("loss.chance", where))]
    if len(places) < 2 or len(total) < least:
        return
    columns = [run.series("loss.criterion", where) for where in places]
    steps = total.steps
    for one in columns:
        steps = np.intersect1d(steps, one.steps)
    if len(steps) < least:
        return
    parts = np.stack([one.values[np.searchsorted(one.steps, steps)] for one in columns], 1)
    whole = total.values[np.searchsorted(total.steps, steps)]
    if not (np.isfinite(parts).all() and np.isfinite(whole).all()):
        return
    weights = np.linalg.lstsq(parts, whole, rcond=None)[0]
    if float(np.abs(parts @ weights - whole).max()) > 0.02 * float(np.abs(whole).max()):
        return  # there are other terms: what each has a part in can't be told
    shares = np.abs(weights * parts[: max(3, len(parts) // 4)].mean(0))
    shares /= shares.sum()
    skills = [
        1 - float(np.median(parts[-3:, index])) / run.last("loss.chance", where) for index, where in enumerate(places)
    ]
    for index, where in enumerate(places):
        if shares[index] < part and skills[index] < 0.1 and max(skills) > learned and steps[-1] > 0.5 * run.step:
            kinds = [one.get("kind") for one in run.fact("criteria") or [] if one.get("name") == where]
            yield found(
                severity="warning", stage="suspect", confidence=0.8, step=int(steps[0]),
                message=f"{kinds[0] if kinds else 'A criterion'} is drowned: with weight {number(float(weights[index]))} it is {percent(float(shares[index]))} of the loss, and stays at "
                f"{number(float(parts[-1, index]))} (chance {number(run.last('loss.chance', where))}) while the other criterion is learned.",
                evidence=[Evidence("loss.criterion", where, int(steps[-1]), float(parts[-1, index]), f"below {number(run.last('loss.chance', where))}")],
                remedies=[WEIGH],
            )  # fmt: skip


def _shut(run: Run, *, left: float = 0.1, few: float = 0.05) -> Iterator[Finding]:
    """A loss of several terms, under which the output has become the same for every example."""
    between, count = run.series("output.between"), run.last("loss.addends", "", 1.0)
    if count < 2 or len(between) < 6 or between.steps[0] > 3 or progress(run).readings < 50:
        return
    start, end = float(np.median(between.values[:3])), float(np.median(between.tail(2)))
    shrunk = [series.last < 0.5 * series.first for where, series in run.each("weight.norm") if is_matrix(run, where)]
    if not end < min(few, left * start) or (shrunk and np.mean(shrunk) > 0.5):
        return
    yield found(
        severity="warning", stage="suspect", confidence=0.6, step=int(between.steps[int(np.argmax(between.values < left * start))]),
        message=f"Another term of the loss decides: of its {int(count)} terms, the criterion gets an output that has become the same for every example ({number(end)} of "
        f"its variance lies between examples, {number(start)} at the start), which is what a penalty on the inner layers asks for.",
        evidence=[Evidence("output.between", "", int(between.steps[-1]), end, f"about {number(start)}")],
        remedies=[WEIGH],
    )  # fmt: skip
