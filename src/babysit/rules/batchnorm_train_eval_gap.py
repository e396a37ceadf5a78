"""Batch norm's running statistics are not those of the batches."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import GROUP_NORM, LARGER_BATCH, NORM_MOMENTUM, advice
from . import found, rule
from ._network import criterion, kind_of_loss, modules, recent
from ._progress import READS, judged
from ._words import listed, number, percent

BUFFERS = advice("Take over buffers too", "for mine, other in zip(ema.buffers(), model.buffers()): mine.copy_(other)")


@rule(
    "norm.mean_gap",
    "norm.var_ratio",
    "norm.batch",
    "norm.updates",
    "fact:standins",
    "loss.val",
    *READS,
    family="regularization",
    explains=("overfitting",),
)
def batchnorm_train_eval_gap(
    run: Run, *, off: float = 1.0, ratio: float = 4.0, worse: float = 1.5
) -> Iterator[Finding]:
    """Batch norm behaves otherwise in evaluation than in training: its running statistics are off.

    Why it matters: in training each batch is normalized by itself, in evaluation by running averages. Where these are not
    what the batches are, validation sees another network than the one that was trained.

    Usual causes: a momentum too small or too few steps for the averages to arrive, tiny batches, one batch norm shared by
    different data; a moving average of the weights that takes over parameters and forgets buffers.

    Told apart from: overfitting (the averages would agree with the batches), dropout (which makes evaluation better, not
    worse), the first steps, when the averages are still on their way; the noise of small batches, by their size.

    Args:
        run: reads `norm.mean_gap` (in standard deviations), `norm.var_ratio`, and validation beside training; the fact
            `standins`: a copy that is evaluated, whose weights follow and whose running statistics do not.
        off: gap of the means that is too much, beyond the noise of the batch's own mean.
        ratio: factor between the variances, either way, that is too much.
        worse: validation over training loss that shows harm.

    Examples:
        >>> loss = {"loss.train": [2.0, 1.0, 0.5] + [0.3] * 60, "loss.val": [2.6, 2.5, 2.6]}
        >>> norm = {"norm.mean_gap": {"bn": [3.1] * 6}, "norm.batch": {"bn": [64.0] * 6}, "norm.updates": {"bn": [300.0] * 6}}
        >>> [finding.message for finding in batchnorm_train_eval_gap(Run.of({**loss, **norm}))]
        ['The running statistics of bn are not those of the batches: the means differ by 3.1 standard deviations (expected below 1). Evaluation suffers: the validation loss is 8.67 times the training loss.']
        >>> copy = {"model": "ema", "norms": ["bn1", "bn2"], "step": 400}
        >>> [finding.message for finding in batchnorm_train_eval_gap(Run.of(facts={"standins": copy}))]
        ['In ema, which is evaluated in place of the trained model, the running statistics of bn1 and bn2 are still what they began with, mean 0 and variance 1: weights are taken over, buffers are not.']
        >>> fine = {**norm, "norm.mean_gap": {"bn": [0.2] * 6}}
        >>> list(batchnorm_train_eval_gap(Run.of({**loss, **fine})))
        []

    Source:
        CS231n, Training Neural Networks I: batch normalization at test time; Wu & Johnson 2021, Rethinking "batch" in batch norm.
    """
    copy = run.fact("standins") or {}
    if copy.get("norms"):
        yield found(
            severity="warning",
            stage="confirmed",
            confidence=0.9,
            where=copy["norms"][0],
            message=f"In {copy['model']}, which is evaluated in place of the trained model, the running statistics of {listed(copy['norms'])} are still "
            "what they began with, mean 0 and variance 1: weights are taken over, buffers are not.",
            evidence=[Evidence("fact:standins", "norms", copy.get("step"), 0.0, "those of the trained model")],
            remedies=[BUFFERS],
        )
        return
    gaps, ratios, sizes, updates = (
        recent(run, what) for what in ("norm.mean_gap", "norm.var_ratio", "norm.batch", "norm.updates")
    )
    bad = []
    for where in dict.fromkeys([*gaps, *ratios]):
        size = max(2.0, sizes.get(where, 32.0))
        apart = gaps.get(where, 0.0) > off + 4 / math.sqrt(size)
        uneven = where in ratios and ratios[where] > 0 and abs(math.log(ratios[where])) > math.log(ratio) and size >= 8
        if (apart or uneven) and updates.get(where, 100.0) >= 20:
            bad.append(where)
    if not bad:
        return
    times, points = _harm(run)
    still, of = _still_the_start(run)
    harms = times > worse or points > 0.1
    where = max(bad, key=lambda name: gaps.get(name, 0.0))
    yield found(
        severity="warning" if harms else "info",
        stage="confirmed" if harms and still else "suspect",
        confidence=0.9 if harms and still else 0.75 if harms else 0.1,
        where=where,
        message=f"The running statistics of {listed(bad)} are not those of the batches: the means differ by {number(gaps.get(where, math.nan))} standard deviations "
        f"(expected below {off:g})" + (f", the variances by a factor {number(ratios[where])}" if where in ratios else "")
        + (f". After {of} updates {percent(still)} of them is still what they began with, mean 0 and variance 1: the momentum is too small" if still else "")
        + (f". Evaluation suffers: the validation loss is {number(times)} times the training loss." if harms and times > worse else f". Evaluation suffers: its score is {percent(points)} behind that of training." if harms else "."),
        evidence=[Evidence("norm.mean_gap", where, value=gaps.get(where), expected=f"< {off:g}", limit=off)],
        remedies=[NORM_MOMENTUM, LARGER_BATCH, GROUP_NORM],
        extra={"norms": len([one for one in modules(run) if "norm" in str(one.get("kind", "")).lower()])},
    )  # fmt: skip


def _harm(run: Run) -> tuple[float, float]:
    """(validation loss over training loss, points of score that validation lacks), NaN-free."""
    val, train = run.series("loss.val").tail(3), judged(run).tail(20)
    train = train[np.isfinite(train)]
    times = float(np.median(val) / max(float(np.median(train)), 1e-12)) if len(val) and len(train) else 0.0
    mine, other = run.series("accuracy.train").tail(3), run.series("accuracy.val").tail(3)
    best = float(np.median(mine)) if len(mine) else 0.0
    if len(train) and kind_of_loss(run) == "crossentropy" and criterion(run).get("reduction") == "mean":
        # an example answered wrongly costs at least ln 2: so much is right at the least
        best = max(best, 1 - float(np.median(train)) / math.log(2))
    return times, best - float(np.median(other)) if len(other) else 0.0


def _still_the_start(run: Run) -> tuple[float, int]:
    """(share of the running statistics that is still what they began with, updates), where that is most of it; else (0, 0).

    Running statistics are r <- (1 - momentum)·r + momentum·batch: after n updates (1 - momentum)^n of the start is left.
    """
    most, of = 0.0, 0
    for one in modules(run):
        updates = run.series("norm.updates", one.get("name", ""))
        momentum = one.get("momentum")
        if not one.get("running") or not isinstance(momentum, int | float) or len(updates) < 2:
            continue
        made = int(updates.last + (run.step - updates.steps[-1] if updates.last > updates.values[-2] else 0))
        left = (1 - momentum) ** made
        if made >= 10 and left > max(0.5, most):
            most, of = left, made
    return most, of
