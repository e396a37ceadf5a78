"""What a disease brings about, said once: groups of finding ids that several causes explain."""

from __future__ import annotations

NOT_LEARNING = (
    "loss-barely-changes", "output-ignores-input", "labels-independent-of-inputs", "underfitting",
    "loss-metric-disagree", "minority-class-ignored", "too-few-updates",
)  # fmt: skip
"""The loss stays near chance, whatever the reason."""

NO_SIGNAL = (
    "vanishing-gradients", "updates-too-small", "decay-only-updates", "weights-unchanged", "learning-rate-too-low",
    "rank-collapse", "regularization-too-strong",
)  # fmt: skip
"""Too little of a gradient reaches the weights."""

BLOW_UP = (
    "exploding-gradients", "loss-not-finite", "learning-rate-too-high", "updates-too-large", "loss-oscillates",
    "dead-relu", "saturated-units", "amp-skips-steps", "clipping-too-tight", "rank-collapse", "bad-batch",
)  # fmt: skip
"""Steps that are too large for the loss's surface."""

BAD_START = ("initial-loss-off", "output-bias-off")
"""The first loss is not what chance gives."""

BAD_VALIDATION = ("overfitting", "batchnorm-train-eval-gap", "validation-leak")
"""Validation looks worse, or better, than training."""

EVERYTHING = (*NOT_LEARNING, *NO_SIGNAL, *BLOW_UP)
"""For a fault in the loop itself: anything that the dynamics of training show."""
