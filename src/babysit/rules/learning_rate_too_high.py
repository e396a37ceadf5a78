"""The learning rate is too high."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import CLIP, LOWER_LR, LOWER_LR_3, WARM_UP
from . import found, rule
from ._network import NOT_NEGATIVE, adaptive, is_matrix, kind_of_loss, source, update_ratios
from ._progress import READS, Progress, grade, judged, levels_of, overturned, progress
from ._words import number


@rule(
    "update.ratio", "activation.dead", "activation.zeros", "activation.between", "weight.rms", "lr", "fact:criteria", "fact:dependency", *READS, family="rate",
    explains=("loss-not-finite", "loss-oscillates", "exploding-gradients", "updates-too-large", "dead-relu", "saturated-units", "output-ignores-input",
        "loss-barely-changes", "labels-independent-of-inputs", "underfitting", "amp-skips-steps", "clipping-too-tight", "rank-collapse",
        "minority-class-ignored", "vanishing-gradients", "updates-too-small", "loss-metric-disagree"),
)  # fmt: skip
def learning_rate_too_high(run: Run, *, times: float = 3.0, moved: float = 0.03) -> Iterator[Finding]:
    """The learning rate is too high.

    Why it matters: a step longer than the valley is wide lands on the other side, higher up. The loss rises, jumps
    about, becomes NaN, or a last long step kills the units and leaves it flat.

    Usual causes: a rate copied from another optimizer (0.1 is usual for SGD, not for Adam), no warm-up, inputs or
    targets that are not scaled.

    Told apart from: a bad batch (one spike that comes down again), a loss with the wrong sign (it falls), gradients
    that are never cleared and inputs or targets of the wrong scale (found by themselves, and then the cause of
    this), fine-tuning from a tiny loss (compared with what chance costs, not with the start alone), adversarial and
    bootstrapped losses, which may rise (silent).

    Args:
        run: reads the loss from its start on, what chance costs, and `update.ratio`.
        times: multiple of the larger of first loss and chance that counts as divergence.
        moved: median update ratio that is large enough for steps to be at fault on a plateau.

    Examples:
        >>> sick = Run.of({"loss.train": [2.3, 2.9, 6.0, 19.0, 80.0, 300.0], "loss.chance": [2.3] * 6})
        >>> [finding.message for finding in learning_rate_too_high(sick)]
        ['The learning rate is too high: the loss rose from 2.3 to 300, more than 3 times its start or chance.']
        >>> list(learning_rate_too_high(Run.of({"loss.train": [2.3, 2.2, 2.0, 1.7, 1.5, 1.4], "loss.chance": [2.3] * 6})))
        []

    Source:
        CS231n, Training Neural Networks I, babysitting: "cost > 3 x original cost" means the rate is too high;
        Smith 2017 and fastai (4 times the best) for the range test.
    """
    now, loss = progress(run), judged(run)
    if not now.comparable or len(loss) < 3:
        return
    if (
        kind_of_loss(run) not in (*NOT_NEGATIVE, "nll", "")
        or float(np.min(loss.values[np.isfinite(loss.values)], initial=0.0)) < 0
    ):
        return
    ratios = list(update_ratios(run).values())
    ratio = float(np.median(ratios)) if ratios else math.nan
    finders = (_overthrew, _diverged, _blew_up, _collapsed, _relapsing, _worse_than_chance)
    for find in finders[:1] if now.winning else finders:
        said = find(run, now, times, ratio, moved)
        if said:
            text, sure, begin, level, limit = said
            yield found(
                severity="warning" if now.winning else grade(run, "error" if sure >= 0.5 else "warning", least=3),
                stage="suspect",
                confidence=sure,
                step=begin,
                source=source(run, "step"),
                message=f"The learning rate{_rate(run)} is too high: {text}.",
                evidence=[
                    *(
                        [Evidence("loss.train", "", now.step, level, f"< {number(limit)}", limit)]
                        if level > limit or find is not _overthrew
                        else []
                    ),
                    *(
                        [Evidence("update.ratio", None, 1, _first_steps(run), "about 1e-3", 0.1)]
                        if find is _overthrew
                        else []
                    ),
                    *([Evidence("update.ratio", None, now.step, ratio, "about 1e-3", moved)] if ratio > moved else []),
                ],
                remedies=[LOWER_LR, LOWER_LR_3, WARM_UP, CLIP],
            )
            return


Said = tuple[str, float, int, float, float] | None


def _reference(now: Progress) -> float:
    """What the loss must be compared with: the larger of where it began and what a constant guess costs."""
    return max(now.first, now.chance) if now.chance > 0 else now.first


def _overthrew(run: Run, now: Progress, times: float, ratio: float, moved: float) -> Said:
    """A first step was as large as the weights: little is left of the initialization, and the cost jumped or never falls."""
    if now.readings < 10:
        return None
    loss, jump = judged(run), _first_steps(run)
    good = np.isfinite(loss.values)
    values, limit = loss.values[good], times * _reference(now)
    jumped = (
        len(values) >= 3 and limit > 0 and (float(np.sort(values)[-3]) > limit or float(values[:10].max()) > 3 * limit)
    )
    if not jump >= 0.5 or not ((jumped and jump >= 1) or (now.readings >= 30 and not now.learning)):
        return None
    worst = float(values.max())
    said = f"the first steps changed the weights by {number(jump)} times their size, so that little is left of the initialization"
    if not jumped:
        said += ", and the loss does not fall"
    if jumped:
        said += f", and the loss rose from {number(now.first)} to {number(worst)}"
    return said, 0.8 if jumped else 0.7, 1, worst, limit


def _first_steps(run: Run) -> float:
    """The largest update ratio of the first ten steps of a model, median over its weight matrices; of several models the largest."""
    first = defaultdict(list)
    for where, series in run.each("update.ratio"):
        if len(series) and is_matrix(run, where):
            model, _, name = where.rpartition("/")
            first[model if name else ""].append(float(np.max(series.values[series.steps < series.steps[0] + 10])))
    return max((float(np.median(values)) for values in first.values()), default=math.nan)


def _large_steps(run: Run) -> float:
    """The update ratio that one step in ten exceeds, median over the weight matrices."""
    large = [
        float(np.percentile(series.values, 90))
        for where, series in run.each("update.ratio")
        if len(series) and is_matrix(run, where)
    ]
    return float(np.median(large)) if large else math.nan


def _diverged(run: Run, now: Progress, times: float, ratio: float, moved: float) -> Said:
    """The level is now several times what it was at the start, in the newest readings one and all."""
    loss = judged(run)
    values = loss.values[np.isfinite(loss.values)]
    limit = times * _reference(now)
    if len(values) < 4 or not limit > 0:
        return None
    tail = values[-3:] if now.readings < 40 else values[-max(5, len(values) // 10) :]
    above = bool((tail[-3:] > limit).all()) and float(np.median(tail)) > limit
    wild = bool((values[-2:] > 10 * _reference(now)).all())
    if not (above or wild):
        return None
    begin = int(loss.steps[np.isfinite(loss.values)][int(np.argmax(values > limit))])
    return (
        f"the loss rose from {number(now.first)} to {number(float(values[-1]))}, more than {times:g} times its start or chance",
        0.8,
        begin,
        float(values[-1]),
        limit,
    )


def _blew_up(run: Run, now: Progress, times: float, ratio: float, moved: float) -> Said:
    """The loss is no longer finite, and had grown before that."""
    loss = judged(run)
    bad = np.flatnonzero(~np.isfinite(loss.values))
    if not len(bad) or bad[0] < 1:
        return None
    before = loss.values[: bad[0]]
    limit = times * _reference(now)
    grew = float(before[-1]) > limit or (
        len(before) >= 3 and before[-1] > before[-2] > before[-3] and before[-1] > 1.5 * _reference(now)
    )
    if not (grew or (ratio > 0.1 and run.step < 100)):
        return None
    begin = (
        int(loss.steps[int(np.argmax(before > now.first))]) if (before > now.first).any() else int(loss.steps[bad[0]])
    )
    return (
        f"the loss grew from {number(now.first)} to {number(float(before[-1]))} and then stopped being finite",
        0.75,
        begin,
        float(before[-1]),
        limit,
    )


def _collapsed(run: Run, now: Progress, times: float, ratio: float, moved: float) -> Said:
    """The loss had fallen clearly below chance, went back up and stays there; or large first steps killed the units."""
    if now.readings < 30 or not now.chance > 0:
        return None
    jump = _first_steps(run)
    fell, lost = min(now.first, now.chance) - now.best, now.last - now.best
    # all the way back to chance, or most of it where the first steps were larger than the published limit
    back = (
        now.relapsed
        and now.best < 0.8 * now.chance
        and (now.last > 0.95 * now.chance or (jump > 0.1 and lost > 0.75 * fell))
    )
    killed = jump > 0.1 and _died(
        run
    )  # the published limit of a step that is too large: Debugger, torchmortem and now.last > 0.97 * now.chance
    if back:
        begin = int(judged(run).steps[int(np.nanargmin(judged(run).values))])
        return (
            f"the loss had come down to {number(now.best)}, jumped back to {'chance (' + number(now.chance) + ')' if now.last > 0.95 * now.chance else number(now.last)} and stays there",
            0.6,
            begin,
            now.last,
            now.chance,
        )
    if killed:
        return (
            f"the first steps changed the weights by {number(jump)} of their size; units died, and the loss stays at chance",
            0.75,
            1,
            now.last,
            now.chance,
        )
    return None


def _died(run: Run) -> bool:
    """Did a layer that lived at first end with (nearly) all of its units at zero for every example?"""
    units = (series for _, series in run.each("activation.dead") if len(series))
    elements = (series for _, series in run.each("activation.zeros") if len(series) >= 3)
    return any(series.first < 0.5 and series.last > 0.9 for series in units) or any(
        series.first < 0.9 and bool((series.values[-1:] >= 1.0).all()) for series in elements
    )


def _relapsing(run: Run, now: Progress, times: float, ratio: float, moved: float) -> Said:
    """Again and again the loss comes down clearly and then jumps back to where a guess is."""
    loss, limit = judged(run), _reference(now)
    if now.readings < 60 or not now.chance > 0 or not _large_steps(run) > moved:
        return None
    levels = levels_of(loss.values[np.isfinite(loss.values)], 5)
    low, falls, up = float(levels[0]), 0, False
    for level in levels:
        if level < low:
            low, up = float(level), False
        gain = min(now.first, now.chance) - low
        # the median of five readings has 0.56 times their noise: lucky batches and unlucky ones are no relapse
        back = (level - low) / gain if gain > max(0.25 * now.chance, 8 * 0.56 * now.noise) else 0.0
        falls += back > 0.9 and not up
        up = back > 0.9 or (up and back > 0.3)
    if falls < 3:
        return None
    return (
        f"{falls} times the loss had come down, to {number(low)} at best, and jumped back to what a guess costs ({number(now.chance)})",
        0.5, int(loss.steps[0]), now.last, limit,
    )  # fmt: skip


def _worse_than_chance(run: Run, now: Progress, times: float, ratio: float, moved: float) -> Said:
    """After many large steps the loss still jumps about above what a constant guess costs, or hardly below it."""
    if now.readings < 30 or not now.chance > 0 or not ratio > 0.3 * moved or now.learning:
        return None
    if (run.fact("dependency") or {}).get("input") == 0:
        return None  # nothing of the input reaches the output, whatever the steps
    if ratio > moved and now.last > 1.1 * now.chance and now.last >= 0.5 * now.first:
        sure = 0.65 if ratio > 0.1 else 0.5
    elif ratio > (0.1 if adaptive(run) else moved) and now.last > 0.97 * now.chance:
        sure = 0.55
    elif ratio > 0.3 * moved and now.last > 0.97 * now.chance and overturned(run):
        sure = 0.5  # and they have undone what the network was
    else:
        return None
    return (f"after {now.step} steps the loss is {number(now.last)}, no better than a constant guess ({number(now.chance)}), "
            f"while each step changes the weights by {number(ratio)} of their size"), sure, 1, now.last, now.chance  # fmt: skip


def _rate(run: Run) -> str:
    rate = run.last("lr")
    return f" ({number(rate)})" if math.isfinite(rate) else ""
