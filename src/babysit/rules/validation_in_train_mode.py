"""Validation runs in training mode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import EVAL_MODE
from . import found, rule
from ._network import source
from ._words import percent


@rule(
    "mode.val",
    "batch_val.repeats",
    "norm.moved_in_val",
    "loss.val",
    "accuracy.val",
    "r2.val",
    "fact:loops",
    family="calls",
    explains=("batchnorm-train-eval-gap", "overfitting"),
)
def validation_in_train_mode(run: Run) -> Iterator[Finding]:
    """Validation runs in training mode: dropout drops, batch norm uses (and learns from) the validation batch.

    Why it matters: the score depends on chance and on which examples share a batch, and batch norm's running statistics
    take in the validation data.

    Usual causes: `model.eval()` forgotten before validation.

    Told apart from: dropout at test time on purpose (only some of the modules are in training mode, or the same examples
    are passed again and again to average over what is dropped: an info), and forward passes without a gradient that are no validation (acting, generating, a teacher), which have no loss or score.

    Args:
        run: reads `mode.val`, the share of mode-dependent modules in training mode during validation, and `norm.moved_in_val`.

    Examples:
        >>> sick = Run.of({"mode.val": [1.0], "norm.moved_in_val": [1.0], "loss.val": [1.9]}, facts={"loops": {"val": "train.py:40"}})
        >>> [finding.message for finding in validation_in_train_mode(sick)]
        ["Validation runs in training mode (100 % of the modules that care): batch norm's running statistics take in the validation data."]
        >>> list(validation_in_train_mode(Run.of({"mode.val": [0.0], "norm.moved_in_val": [0.0], "loss.val": [1.9]})))
        []

    Source:
        An exact fact (the modules' `training` flags).
    """
    mode = run.series("mode.val")
    if not len(mode) or not (run.has("loss.val") or run.has("accuracy.val") or run.has("r2.val")):
        return
    share, moved = float(np.fmax.reduce(mode.values)), run.last("norm.moved_in_val", "", 0.0) > 0
    if not share > 0:
        return
    averaged = not moved and run.last("batch_val.repeats", "0", 0.0) >= 0.5  # each example twice at least
    whole = moved or (float(np.nanmedian(mode.values)) > 0.5 and not averaged)
    yield found(
        severity="warning" if whole else "info",
        stage="confirmed",
        confidence=0.85 if whole else 0.1,
        step=int(mode.steps[int(np.argmax(mode.values > 0))]),
        source=source(run, "val"),
        message=f"Validation runs in training mode ({percent(share)} of the modules that care): "
        + (
            "batch norm's running statistics take in the validation data."
            if moved
            else "the same examples are passed several times, as for an average over what is dropped."
            if averaged
            else "dropout and batch norm act as in training, and the score is off."
        ),
        evidence=[
            Evidence("mode.val", "", int(mode.steps[-1]), share, "0"),
            *([Evidence("norm.moved_in_val", "", value=1.0, expected="0")] if moved else []),
        ],
        remedies=[EVAL_MODE],
    )
