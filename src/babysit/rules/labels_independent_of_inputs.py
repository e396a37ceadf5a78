"""The labels have nothing to do with the inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._network import update_ratios
from ._progress import READS, judged, overturned, progress, spread
from ._words import number, percent

ALIGN = advice(
    "Put inputs and labels back in step: sort both, or shuffle both with one permutation",
    "order = torch.randperm(len(x)); x, y = x[order], y[order]",
)


@rule(
    "loss.val", "update.ratio", "activation.dead", "activation.between", "weight.rms", "output.between", "batch_val.overlap", "fact:dependency", "gradient.rms", "lr", *READS, family="labels",
    explains=("loss-barely-changes", "underfitting", "overfitting", "output-ignores-input", "loss-metric-disagree", "too-few-updates", "validation-leak"),
)  # fmt: skip
def labels_independent_of_inputs(run: Run, *, band: float = 0.02, least: int = 150) -> Iterator[Finding]:
    """The labels carry no information about the inputs, as far as the network can tell.

    Why it matters: the best that can be learned is then how often each label occurs. The loss falls to
    the entropy of the labels (or the variance of the targets) and stays; what falls further on the training
    set is memory, and validation never gets better than a constant guess.

    Usual causes: inputs and labels shuffled separately, sorted differently, or shifted against each
    other; labels read from the wrong column.

    Told apart from: a network that can't learn: the weights move by healthy steps (1e-4 and more of
    their size at each), the layers are alive and tell
    inputs apart, and the learning rate is not at its end. And from
    overfitting, where validation is at first better than a constant guess.

    Args:
        run: reads the loss against `loss.chance`, validation, and that the network works (`update.ratio`).
        band: distance from chance, as a share of it, that counts as being there.
        least: loss readings that are needed.

    Examples:
        >>> sick = Run.of({"loss.train": [2.4] * 20 + [2.3] * 280, "loss.chance": [2.3] * 300, "update.ratio": {"0.weight": [1e-3] * 300}})
        >>> [finding.message for finding in labels_independent_of_inputs(sick)]
        ['The labels seem to have nothing to do with the inputs: the loss has stayed within 2 % of 2.3, what a constant guess costs, for the newest half of the run, though the weights move by healthy steps (0.001 of their size).']
        >>> learns = [2.3 * 0.99 ** step for step in range(300)]
        >>> list(labels_independent_of_inputs(Run.of({"loss.train": learns, "loss.chance": [2.3] * 300, "update.ratio": {"0.weight": [1e-3] * 300}})))
        []

    Source:
        Karpathy, A recipe for training neural networks: an input-independent baseline; the level is exact
        (Gibbs' inequality: no constant guess costs less than the entropy).
    """
    now = progress(run)
    ratios = list(update_ratios(run).values())
    if now.readings < least or not now.chance > 0 or not now.comparable or not ratios:
        return
    if not 1e-4 <= float(np.median(ratios)) <= 3e-2 or _dead(run):
        return
    if run.last("output.between", "", 1.0) < 1e-9 or (run.fact("dependency") or {}).get("input") == 0:
        return  # nothing of the input reaches the output: the network is at fault, whatever the labels are
    never = _never_generalizes(run, now.chance, now.guess)
    # where validation says the same, the training loss needn't be quite as near
    near = 3 * band if never and len(run.series("loss.val")) >= 3 else band
    at_chance = _stays_at_chance(run, now.chance, near)
    passes = max(len(run.series("loss.val")), len(run.series("r2.val")), len(run.series("accuracy.val")))
    by_heart = not at_chance and never and (now.fell > 0.1 or (passes >= 3 and now.last < now.chance))
    if not (at_chance or by_heart):
        return
    if at_chance and float(np.median(ratios)) > 1e-2 and overturned(run):
        return  # steps that large have undone what the network was
    known = by_heart and run.last("batch_val.overlap") > 0.3
    if at_chance:
        text = f"the loss has stayed within {percent(near)} of {number(now.chance)}, what a constant guess costs, for the newest half of the run"
    else:
        text = "the training loss falls, but validation was never better than a constant guess: the labels are learned by heart"
        if known:
            text += f", and not even the {percent(run.last('batch_val.overlap'))} of validation that was trained on has the labels that it had there"
    yield found(
        severity="warning",
        stage="suspect",
        confidence=0.55 if at_chance else 0.85 if known else 0.6,
        step=0,
        message=f"The labels seem to have nothing to do with the inputs: {text}, though the weights move by healthy steps ({number(float(np.median(ratios)))} of their size).",
        evidence=[
            Evidence("loss.train", "", now.step, now.last, f"below {number(now.chance)}", now.chance),
            Evidence("update.ratio", None, now.step, float(np.median(ratios)), "1e-4 to 1e-2"),
        ],
        remedies=[ALIGN],
    )  # fmt: skip


def _stays_at_chance(run: Run, chance: float, band: float) -> bool:
    values = judged(run).values
    half = values[len(values) // 2 :]
    half = half[np.isfinite(half)]
    level = float(np.median(half))
    error = spread(half) / math.sqrt(max(1, len(half)))
    return abs(level - chance) < max(band * chance, 3 * error) and abs(level - chance) < max(band, 0.05) * chance


def _never_generalizes(run: Run, chance: float, guess: float) -> bool:
    losses, scores, fits = (run.series(what).values for what in ("loss.val", "accuracy.val", "r2.val"))
    if len(losses) < 1 and len(scores) < 3:
        return False
    if np.isfinite(fits).any():  # by the variance of validation's own targets
        return bool(np.fmax.reduce(fits) < 0.03)
    if len(losses) and not np.fmin.reduce(losses) > 0.97 * chance:
        return False
    return not len(scores) or math.isnan(guess) or bool(np.fmax.reduce(scores) < guess + 0.1 * (1 - guess))


def _dead(run: Run) -> bool:
    return any(series.last > 0.5 for _, series in run.each("activation.dead"))
