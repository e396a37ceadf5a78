"""Training and evaluation mode agree."""

from __future__ import annotations

import math

from ..record import Evidence, Recipe, Run
from ..record.remedies import EVAL_MODE, GROUP_NORM, NORM_MOMENTUM, TRAIN_MODE, advice
from . import Outcome, Train, check, look, sick
from ._words import failed, number, passed


@check(cost=1)
def modes_agree(recipe: Recipe, train: Train, *, limit: float = 1.5, least: int = 8) -> Outcome:
    """Does the network answer alike in training and in evaluation mode, once batch norm's statistics have settled?

    Why it matters: batch norm uses the batch's own statistics in training and running ones in evaluation. Where they
    don't agree (tiny batches, a momentum that never settles) validation is bad however well it trains. Dropout
    that stays on in evaluation makes every prediction a lottery.

    Args:
        limit: the largest ratio of the two losses on the same batch, dropout off in both.
        least: values per channel below which a disagreement is blamed on the batch's size.

    Examples:
        >>> from babysit.testing import hand_written
        >>> same = {"loss.train_mode": 2.0, "loss.eval_mode": 2.1, "loss.eval_again": 2.1, "norm.batch": 800}
        >>> modes_agree(Recipe(), hand_written(modes=same)).passed
        True
        >>> modes_agree(Recipe(), hand_written(modes=same | {"loss.eval_mode": 9.0})).findings[0].id
        'batchnorm-train-eval-gap'

    Source:
        Ioffe & Szegedy 2015; Wu & He 2018, Group Normalization; TheDeepChecker (50 %).
    """
    run = look(train, "modes")
    if run.fact("always_dropped"):
        found = sick("dropout-too-strong", "F.dropout runs in evaluation mode too.", severity="warning",
                     remedies=(advice("Tell it the mode", "F.dropout(x, p, training=self.training)"),))  # fmt: skip
        return failed(
            "no dropout in evaluation mode", "F.dropout is always on", "F.dropout(x, p, training=self.training)", found
        )
    if (run.fact("dependent") and run.last("mode.train", default=1.0) == 0) or run.last("mode.val", default=0.0) == 1:
        flags = _flags(run)
        if flags is not None:
            return flags
    if not run.has("loss.train_mode"):
        return passed(
            "the same",
            "nothing in it but dropout depends on the mode"
            if run.fact("dependent")
            else "nothing in it depends on the mode",
        )
    trained, evaluated = run.last("loss.train_mode"), run.last("loss.eval_mode")
    expected, measured = f"about {number(trained)} in evaluation mode", number(evaluated)
    ratio = evaluated / trained if trained > 1e-6 else 1.0
    if math.isfinite(ratio) and 0 < ratio <= limit:
        return passed(expected, measured)
    return _apart(run, expected, measured, least)


def _flags(run: Run) -> Outcome | None:
    """A mode that is forgotten, where it matters."""
    parts = " and ".join(run.fact("dependent") or ())
    if not parts:
        return None
    if run.last("mode.train", default=1.0) == 0:
        found = sick("training-in-eval-mode", f"Training runs in evaluation mode: {parts} do not do their work.", severity="warning",
                     evidence=(Evidence("mode.train", "", 0, 0.0, "1"),), remedies=(TRAIN_MODE,))  # fmt: skip
        return failed(
            "training mode while training", "evaluation mode", "call model.train() before the training loop", found
        )
    found = sick("validation-in-train-mode", f"Validation runs in training mode: {parts} act as in training.", severity="warning",
                 evidence=(Evidence("mode.val", "", 0, 1.0, "0"),), remedies=(EVAL_MODE,))  # fmt: skip
    return failed(
        "evaluation mode in validation",
        "training mode",
        "call model.eval() before validation, model.train() after",
        found,
    )


def _apart(run: Run, expected: str, measured: str, least: int) -> Outcome:
    values, momentum = run.last("norm.batch", default=math.inf), run.fact("momentum", 0.1)
    evidence = (
        Evidence("loss.eval_mode", "", 1, run.last("loss.eval_mode"), expected),
        Evidence("norm.batch", "", 1, values, "8 or more"),
    )
    if values < least:
        found = sick("batchnorm-tiny-batch", f"Batch norm averages over {values:.0f} values only: {measured} in evaluation mode, {expected} expected.",
                     severity="warning", evidence=evidence, remedies=(GROUP_NORM,))  # fmt: skip
        return failed(
            expected,
            measured,
            f"batch norm has only {values:.0f} values to average over: group or layer norm, or larger batches",
            found,
        )
    found = sick("batchnorm-train-eval-gap", f"The same batch costs {measured} in evaluation mode, {expected} expected (momentum {momentum:g}).",
                 severity="warning", evidence=evidence, remedies=(NORM_MOMENTUM, GROUP_NORM))  # fmt: skip
    return failed(
        expected, measured, f"the running statistics don't settle (momentum {momentum:g}; PyTorch's is 0.1)", found
    )
