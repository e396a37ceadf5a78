"""Training goes on in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import TRAIN_MODE
from . import found, rule
from ._network import modules, source


@rule(
    "mode.train",
    "mode.model",
    "fact:loops",
    "fact:modules",
    "fact:parameters",
    family="calls",
    explains=("overfitting", "batchnorm-train-eval-gap"),
)
def training_in_eval_mode(run: Run, *, least: int = 3) -> Iterator[Finding]:
    """Training runs in evaluation mode: dropout is off, batch norm keeps its old statistics.

    Why it matters: the regularization that was asked for is not there, and batch norm's statistics stay those of the
    first epoch, or of nothing.

    Usual causes: `model.eval()` for validation, and no `model.train()` after it.

    Told apart from: batch norm frozen on purpose in fine-tuning: then the model itself is in training mode and only parts
    of it were put into evaluation mode by hand, or their parameters are frozen too (an info).

    Args:
        run: reads `mode.train`, the share of mode-dependent modules in training mode during training steps, and
            `mode.model`, whether the model itself is.
        least: newest readings that must agree.

    Examples:
        >>> sick = Run.of({"mode.train": [1.0] * 10 + [0.0] * 10}, facts={"loops": {"val": "train.py:40"}})
        >>> [finding.message for finding in training_in_eval_mode(sick)]
        ['Training runs in evaluation mode since step 10, after a validation: model.train() is missing.']
        >>> list(training_in_eval_mode(Run.of({"mode.train": [1.0] * 20})))
        []

    Source:
        An exact fact (the modules' `training` flags).
    """
    mode = run.series("mode.train")
    if len(mode) < least or not (mode.values[-least:] == 0).all():
        return
    before = bool((mode.values > 0.5).any())
    norms = [one for one in run.fact("parameters") or [] if one.get("kind") == "norm"]
    frozen = [one for one in norms if not one.get("requires_grad", True)]
    all_frozen = bool(frozen) and len(frozen) == len(norms)  # an encoder that was trained before, and is used as it is
    only_norm = not any("dropout" in str(one.get("kind", "")).lower() for one in modules(run))
    by_hand = run.last("mode.model", "", 0.0) > 0
    meant = by_hand or (only_norm and (all_frozen or (bool(frozen) and not before)))
    first = int(mode.steps[int(np.flatnonzero(mode.values > 0)[-1]) + 1]) if before else int(mode.steps[0])
    yield found(
        severity="info" if meant else "warning",
        stage="confirmed",
        confidence=0.1 if meant else 0.9 if before else 0.75,
        step=first,
        source=source(run, "train"),
        message="Training runs in evaluation mode"
        + (
            f" in its parts alone since step {first}: the model itself is in training mode."
            if by_hand
            else f" since step {first}, after a validation: model.train() is missing."
            if before
            else " from the start: dropout and batch norm are switched off."
        ),
        evidence=[Evidence("mode.train", "", int(mode.steps[-1]), 0.0, "1", 0.5)],
        remedies=[TRAIN_MODE],
    )
