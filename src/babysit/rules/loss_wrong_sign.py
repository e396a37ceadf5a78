"""The loss is maximized."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Remedy, Run
from ..record.remedies import POSITIVE, advice
from . import found, rule
from ._consequences import BLOW_UP, NOT_LEARNING
from ._network import NOT_NEGATIVE, criterion, kind_of_loss, optimizers, source
from ._progress import READS, progress
from ._words import number, percent

MINUS = advice(
    "Minimize minus what is to grow", "loss = -(log_prob * advantage).mean()  # the expected return is to grow"
)


@rule(
    "fact:criteria",
    "fact:policy",
    "policy.sign",
    "policy.likeness",
    "reward.mean",
    *READS,
    family="loss",
    explains=(*BLOW_UP, *NOT_LEARNING, "overfitting", "loss-metric-disagree"),
)
def loss_wrong_sign(run: Run, *, least: int = 3) -> Iterator[Finding]:
    """The loss has the wrong sign: training makes it worse, not better.

    Why it matters: the optimizer goes downhill. With a minus before the loss it makes the error as large as it can,
    without end.

    Usual causes: a minus too many, an accuracy or likelihood that was to be maximized, `maximize=True`.

    Told apart from: losses that may be negative (likelihoods of densities, policy gradients, an entropy bonus): only the
    negative of a criterion that can't be negative counts, a loss that falls ever faster to thousands of times below 0, or
    answers that get worse than chance; divergence, where the
    loss itself grows. A policy gradient counts where its loss grows with log-probability times reward: whether it is a reward or
    a cost, and whether a minus is hidden in it, is told by the script's names, by a critic's errors and by where the rewards go.

    Args:
        run: reads `loss.train` (what backward was called on) beside `loss.criterion` (the criterion's own value); of policy
            gradients `policy.sign`, `policy.likeness` and `reward.mean`.
        least: steps that are needed.

    Examples:
        >>> facts = {"criteria": [{"kind": "CrossEntropyLoss"}]}
        >>> sick = Run.of({"loss.train": [-2.3, -2.9, -4.0], "loss.criterion": [2.3, 2.9, 4.0]}, facts=facts)
        >>> [finding.message for finding in loss_wrong_sign(sick)]
        ['Backward is called on minus the loss (-4 where CrossEntropyLoss gave 4): training makes the error as large as it can.']
        >>> list(loss_wrong_sign(Run.of({"loss.train": [2.3, 2.1, 1.9], "loss.criterion": [2.3, 2.1, 1.9]}, facts=facts)))
        []
        >>> bandit = {"policy.sign": [1.0] * 12, "reward.mean": {"rewards": [0.5 - 0.03 * step for step in range(12)]}}
        >>> [finding.message for finding in loss_wrong_sign(Run.of(bandit, facts={"policy": {"reward": True, "cost": False}}))]
        ['The loss grows with the log-probability of a choice times what it was worth, and is minimized: what was rewarded becomes less likely. `rewards` went from 0.5 to 0.17 on average.']
        >>> list(loss_wrong_sign(Run.of(bandit, facts={"policy": {"reward": False, "cost": True}})))
        []

    Source:
        An exact fact where both values are known; accuracy below 1/K by three standard errors otherwise. Policy gradients: Williams 1992,
        Simple statistical gradient-following algorithms for connectionist reinforcement learning.
    """
    total, own = run.series("loss.train"), run.series("loss.criterion")
    known = kind_of_loss(run) in NOT_NEGATIVE
    yield from _policy(run, least)
    _, first, second = np.intersect1d(total.steps, own.steps, return_indices=True)
    whole, value = total.values[first], own.values[second]
    finite = np.isfinite(whole) & np.isfinite(value)
    whole, value = whole[finite][-least:], value[finite][-least:]
    if known and len(whole) == least:
        if (whole < 0).all() and np.allclose(whole, -value, rtol=1e-3, atol=1e-9):
            yield _say(run, "confirmed", 0.99, f"Backward is called on minus the loss ({number(float(whole[-1]))} where {criterion(run).get('kind')} gave "
                       f"{number(float(value[-1]))}): training makes the error as large as it can.", "loss.train", total.last, "≥ 0")  # fmt: skip
            return
    if known and len(total) >= least and not len(own) and (total.tail(least) < 0).all():
        yield _say(run, "suspect", 0.9, f"The loss is {number(total.last)}, but {criterion(run).get('kind')} can't be negative: its sign is turned round.",
                   "loss.train", total.last, "≥ 0")  # fmt: skip
        return
    groups = [group for one in optimizers(run) for group in one.get("groups", ())]
    if known and groups and all(group.get("maximize") for group in groups) and (total.tail(least) >= 0).all():
        yield _say(run, "confirmed", 0.97, f"The optimizer maximizes (maximize=True), and what it maximizes is {criterion(run).get('kind')}, an error.",
                   "fact:optimizers", 1.0, "maximize=False")  # fmt: skip
        return
    now = progress(run)
    if not known and now.readings >= 5 and not np.isfinite(total.last) and now.comparable:
        finite = total.values[np.isfinite(total.values)]
        if len(finite) >= 5 and float(finite.min()) < -20 * max(abs(float(finite[0])), 1.0):
            yield _say(run, "suspect", 0.7, f"The loss fell from {number(float(finite[0]))} to {number(float(finite.min()))} without end, until it was no longer finite: "
                       "what is minimized has no lower bound. Is its sign turned round?", "loss.train", float(finite.min()), "bounded below")  # fmt: skip
            return
    if not known and _without_end(run):
        yield _say(run, "suspect", 0.7, f"The loss fell from {number(now.first)} to {number(now.last)} and falls ever faster: "
                   "what is minimized has no lower bound. Is its sign turned round?", "loss.train", now.last, "bounded below")  # fmt: skip
        return
    scores = run.series("accuracy.train").values
    if len(scores) < 5 or math.isnan(now.guess) or not now.comparable:
        return
    classes = (run.fact("task") or {}).get("classes") or 2
    fair = 1 / classes
    error = math.sqrt(fair * (1 - fair) / 512)
    worse = bool((scores[-5:] < fair - max(3 * error, 0.3 * fair)).all())
    if worse and now.guess < 1.5 * fair and now.last > 2 * now.chance and now.last > now.first:
        yield _say(run, "suspect", 0.6, f"The accuracy is {percent(float(scores[-1]))}, below the {percent(fair)} of guessing, and the loss rises: "
                   "is the sign of the loss turned round?", "accuracy.train", float(scores[-1]), f"above {percent(fair)}")  # fmt: skip


def _policy(run: Run, least: int) -> Iterator[Finding]:
    """A policy gradient without its minus: what was rewarded becomes less likely."""
    fact, sign = run.fact("policy") or {}, run.series("policy.sign")
    turned = _maximized(run)
    if len(sign) < least or turned is None or not (sign.values == (-1 if turned else 1)).all():
        return
    like = run.series("policy.likeness").values
    if len(like) and np.median(like) < -0.5:  # what is multiplied is the negative of what was gained
        return
    text = "The loss grows with the log-probability of a choice times what it was worth, and is minimized: what was rewarded becomes less likely"
    if fact.get("clipped"):
        yield _say(
            run,
            "confirmed",
            0.95,
            f"{text}, and the clipped ratio bounds it from the wrong side.",
            "policy.sign",
            sign.last,
            "-1",
            MINUS,
        )
        return
    if not fact.get("reward") or fact.get("cost"):
        return
    moves = {name: _moved(run.series("reward.mean", name).values) for name in run.places("reward.mean")}
    worse = [name for name, move in moves.items() if move < 0]
    if any(move > 0 for move in moves.values()) or not (worse or (len(like) and float(np.median(like)) > 0.5)):
        return
    if worse:
        series = run.series("reward.mean", worse[0])
        yield _say(run, "suspect", 0.8, f"{text}. `{worse[0]}` went from {number(series.first)} to {number(series.last)} on average.",
                   "reward.mean", series.last, "more than at the start", MINUS)  # fmt: skip
    else:
        yield _say(run, "suspect", 0.6, f"{text}.", "policy.sign", sign.last, "-1", MINUS, "warning")


def _maximized(run: Run) -> bool | None:
    """Do the optimizers go uphill? None where that can't be said."""
    groups = [group for one in optimizers(run) for group in one.get("groups", ())]
    if (
        any(one.get("kind") == "by hand" for one in optimizers(run))
        or len({bool(g.get("maximize")) for g in groups}) > 1
    ):
        return None
    return bool(groups) and bool(groups[0].get("maximize"))


def _moved(values: np.ndarray, *, least: int = 9, errors: float = 3.0) -> int:
    """Does the last third lie above (1) or below (-1) the first by three standard errors? 0: neither."""
    values = values[np.isfinite(values)]
    if len(values) < least:
        return 0
    first, _, last = np.array_split(values, 3)
    off = float(last.mean() - first.mean())
    error = math.sqrt(first.var(ddof=1) / len(first) + last.var(ddof=1) / len(last))
    return int(np.sign(off)) if abs(off) > errors * error else 0


def _without_end(run: Run, *, times: float = 1000.0, least: int = 30) -> bool:
    """Is the loss thousands of times below 0 of what it began with, and does it fall faster and faster?"""
    values = run.series("loss.train").values
    if len(values) < least or not np.isfinite(values).all() or not progress(run).comparable:
        return False
    start, *ends = (float(np.median(part)) for part in (values[:5], *np.array_split(values, 3)))
    first, second = ends[1] - ends[0], ends[2] - ends[1]
    return ends[2] < -times * max(abs(start), 1.0) and second < 1.2 * first < 0


def _say(
    run: Run, stage: str, sure: float, text: str, what: str, value: float, expected: str, remedy: Remedy = POSITIVE, severity: str = "error",
) -> Finding:  # fmt: skip
    return found(
        severity=severity, stage=stage, confidence=sure, message=text, source=source(run, "train") or criterion(run).get("source"),
        evidence=[Evidence(what, "", value=value, expected=expected)], remedies=[remedy],
    )  # fmt: skip
