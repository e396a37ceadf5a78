"""What often helps when nothing is known, or when nothing that the findings propose does: in the order of the evidence.

Exact mends come first: one that meets nothing to act on ends after a few steps, so that it costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..record import Remedy, Run
from ..record import remedies as known
from ..rules._progress import progress

HUNDREDTH = Remedy(
    "Lower the learning rate 100 times", {"lr": "*0.01"}, "for group in optimizer.param_groups: group['lr'] *= 0.01"
)
EXACT: tuple[Remedy, ...] = (
    known.ZERO_GRAD, known.LOGITS, known.NO_LAST_ACTIVATION, known.MATCH_SHAPES, known.MEAN, known.ALL_PARAMETERS,
    known.UNFREEZE, known.UNDETACH, known.TRAIN_MODE, known.CONSTANT_LR, known.NO_CLIP, known.NO_PENALTY, known.SKIP_NONFINITE,
)  # fmt: skip
"""Mends of one mistake each; they do nothing where it wasn't made."""

UNSTABLE: tuple[Remedy, ...] = (
    known.LOWER_LR, HUNDREDTH, known.STANDARDIZE, known.STANDARDIZE_TARGETS, known.CLIP, known.ADAM, known.INIT_HE,
    known.BATCH_NORM, known.EPS, known.FLOAT32, known.POSITIVE,
)  # fmt: skip
"""The loss rises, or is not finite."""

STUCK: tuple[Remedy, ...] = (
    known.ADAM, known.LOWER_LR, known.STANDARDIZE, known.INIT_HE, known.BATCH_NORM, known.RAISE_LR,
    known.STANDARDIZE_TARGETS, known.RELU_FOR_SIGMOID, known.INSERT_RELU, HUNDREDTH, known.RAISE_LR_100, known.CROSS_ENTROPY,
    known.NO_DECAY, known.NO_DROPOUT, known.SHUFFLE, known.NEXT_BATCH, known.EPS, known.BETAS, known.POSITIVE, known.ORDER,
)  # fmt: skip
"""The loss doesn't move, or nothing is learned."""

SLOW: tuple[Remedy, ...] = (
    known.STANDARDIZE, known.RAISE_LR, known.LOWER_LR, known.ADAM, known.BATCH_NORM, known.STANDARDIZE_TARGETS,
    known.NO_DECAY, known.NO_DROPOUT, known.SMALLER_BATCH, known.SHUFFLE, known.NEXT_BATCH, known.INSERT_RELU, known.WIDER,
    known.LONGER, known.INIT_HE, known.EPS, known.BETAS,
)  # fmt: skip
"""Something is learned, but not enough."""

UNSEEN: tuple[Remedy, ...] = (
    known.EVAL_MODE, known.SAME_PREPROCESSING, known.NORM_MOMENTUM, known.MORE_DECAY, known.DROPOUT, known.STOP_EARLY,
    known.STANDARDIZE, known.LOWER_LR, known.BATCH_NORM, known.SHUFFLE,
)  # fmt: skip
"""What was learned doesn't show on held-out examples."""


def general(run: Run) -> list[Remedy]:
    """Every remedy of the ladder that fits the course of a run, best guess first."""
    now = progress(run)
    if now.broken or now.relapsed or (math.isfinite(now.last) and now.last > 1.5 * abs(now.first)):
        rest: Sequence[Remedy] = UNSTABLE
    elif now.skill >= 0.5 and not math.isnan(now.unseen) and now.unseen < now.skill - 0.1:
        rest = UNSEEN
    elif now.learning:
        rest = SLOW
    else:
        rest = STUCK
    exact = list(EXACT)
    if rest is not UNSEEN and not math.isnan(now.unseen):
        exact.append(known.EVAL_MODE)
    return [*exact, *rest]


def partners(run: Run) -> list[Remedy]:
    """What may help beside another remedy: only what changes how it learns, for an exact mend shows by itself."""
    return [one for one in general(run) if one not in EXACT and one is not known.EVAL_MODE][:6]
