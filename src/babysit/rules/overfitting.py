"""The network learns its training examples by heart."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import DROPOUT, MORE_DECAY, STOP_EARLY, advice
from . import found, rule
from ._network import criterion, kind_of_loss
from ._progress import READS, judged, progress, spread
from ._words import number, percent

AUGMENT = advice("Get more examples, or make more of them (augmentation)")


@rule("loss.val", "norm.mean_gap", *READS, family="generalization")
def overfitting(run: Run, *, rise: float = 0.15, gap: float = 0.1, patience: int = 3) -> Iterator[Finding]:
    """The network overfits: validation gets worse while training gets better.

    Why it matters: from the best validation on, what is learned is the training examples themselves, noise included.

    Usual causes: too few examples for the network's size, too long a training, no regularization.

    Told apart from: train and evaluation mode that disagree, validation data prepared otherwise (validation is then bad
    from the first pass), validation in training mode; a loss that rises because the network gets too sure while
    the accuracy stays (an info).

    Args:
        run: reads `loss.val` from its minimum on, the training loss since then, and both accuracies.
        rise: share by which validation must have risen above its minimum, beyond its own noise.
        gap: difference of the accuracies (or of R²) that makes it a warning.
        patience: newest validation passes that must all be above.

    Examples:
        >>> val = [2.0, 1.5, 1.2, 1.1, 1.3, 1.6, 1.9, 2.2]
        >>> score = {"accuracy.train": [0.3, 0.5, 0.7, 0.8, 0.9, 0.97, 0.99, 1.0], "accuracy.val": [0.3, 0.45, 0.55, 0.6, 0.6, 0.59, 0.58, 0.57]}
        >>> sick = Run.of({"loss.train": [2.1, 1.5, 1.0, 0.8, 0.5, 0.3, 0.1, 0.05], "loss.val": val, **score})
        >>> [finding.message for finding in overfitting(sick)]
        ['The network overfits: since step 3 the validation loss rose from 1.1 to 1.9, while the training loss fell to 0.1 (training is 39 % ahead in score).']
        >>> list(overfitting(Run.of({"loss.train": [2.1, 1.5, 1.2, 1.0], "loss.val": [2.1, 1.6, 1.3, 1.15]})))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: "big gap = overfitting"; AutoTrainer (gap 0.1); training-doctor (15 %).
    """
    val, train = run.series("loss.val"), judged(run)
    yield from _far_apart(run)
    if len(val) < patience + 2 or len(train) < patience + 2 or not np.isfinite(val.values).all():
        return
    best = int(np.argmin(val.values))
    low, newest = float(val.values[best]), val.values[-patience:]
    noise = spread(np.diff(val.values)) / math.sqrt(2)
    if (
        len(val) - 1 - best < patience
        or low <= 0
        or not (newest > low * (1 + rise)).all()
        or float(np.median(newest)) < low + 2 * noise
    ):
        return
    then, now_ = _level(train.steps, train.values, int(val.steps[best])), progress(run).last
    if not now_ < 0.97 * then or not float(np.median(newest)) > now_:
        return
    behind = _gap(run)
    harms = behind >= gap if not math.isnan(behind) else float(np.median(newest)) > 1.5 * low
    falls = _score_falls(run)
    yield found(
        severity="warning" if harms and (falls or behind > 2 * gap or math.isnan(behind)) else "info",
        stage="suspect",
        confidence=0.7 if harms else 0.25,
        step=int(val.steps[best]),
        message=f"The network overfits: since step {int(val.steps[best])} the validation loss rose from {number(low)} to {number(float(np.median(newest)))}, "
        f"while the training loss fell to {number(now_)}"
        + (f" (training is {percent(behind)} ahead in score)." if behind > 0.02 else "."),
        evidence=[
            Evidence(
                "loss.val", "", int(val.steps[-1]), float(newest[-1]), f"< {number(low * (1 + rise))}", low * (1 + rise)
            ),
            Evidence("loss.train", "", progress(run).step, now_, "near the validation loss"),
        ],
        remedies=[STOP_EARLY, MORE_DECAY, DROPOUT, AUGMENT],
    )


def _far_apart(run: Run, *, gap: float = 0.1, times: float = 20.0) -> Iterator[Finding]:
    """Training perfect, validation far behind, whatever its course."""
    now, val = progress(run), run.series("loss.val")
    behind = _gap(run)
    if (
        len(val) < 2
        or not behind >= gap
        or not val.last > (5.0 if behind > 0.25 else times) * now.last >= 0
        or now.unseen < 0.05
    ):
        return
    low = float(np.min(val.values))
    if any(series.last > 1 for _, series in run.each("norm.mean_gap") if len(series)):
        return  # evaluation itself is off: running statistics are not those of the batches
    rising = len(val) >= 5 and float(np.median(val.tail(3))) > 1.15 * low
    if rising or not now.comparable:
        return  # said with its course
    yield found(
        severity="warning",
        stage="suspect",
        confidence=0.6,
        step=int(val.steps[int(np.argmin(val.values))]),
        message=f"The network overfits: training is {percent(behind)} ahead of validation in score, and its loss is {number(now.last)} where validation has {number(val.last)}.",
        evidence=[Evidence("loss.val", "", int(val.steps[-1]), val.last, f"near {number(now.last)}")],
        remedies=[MORE_DECAY, DROPOUT, AUGMENT, STOP_EARLY],
    )


def _level(steps: np.ndarray, values: np.ndarray, at: int) -> float:
    near = values[max(0, int(np.searchsorted(steps, at)) - 10) : int(np.searchsorted(steps, at)) + 1]
    near = near[np.isfinite(near)]
    return float(np.median(near)) if len(near) else math.nan


def _gap(run: Run) -> float:
    for kind in ("accuracy", "r2"):
        mine, other = run.series(f"{kind}.train").values, run.series(f"{kind}.val").values
        if len(mine) and len(other):
            best = float(np.median(mine[-5:]))
            if kind == "accuracy" and kind_of_loss(run) == "crossentropy" and criterion(run).get("reduction") != "sum":
                # an example answered wrongly costs at least ln 2: so much is right at the least
                best = float(np.fmax(best, 1 - progress(run).last / math.log(2)))
            return best - float(np.median(other[-3:]))
    return math.nan


def _score_falls(run: Run) -> bool:
    for kind in ("accuracy.val", "r2.val"):
        values = run.series(kind).values
        if len(values) >= 5:
            return float(np.median(values[-3:])) < float(np.max(values)) - 0.02
    return True
