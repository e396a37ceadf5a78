"""A loss that wants log-probabilities gets something else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import LOG_PROBABILITIES
from . import found, rule
from ._consequences import EVERYTHING
from ._network import criterion, kind_of_loss, source
from ._words import number


@rule(
    "output.log_row_sum_error",
    "output.row_sum_error",
    "fact:criteria",
    family="loss",
    explains=(*EVERYTHING, "loss-wrong-sign", "initial-loss-off"),
)
def loss_expects_log_probabilities(run: Run, *, least: int = 3) -> Iterator[Finding]:
    """Raw scores or probabilities are handed to a loss that wants log-probabilities.

    Why it matters: the negative log-likelihood of a score is the score with a minus: without the logarithm
    nothing bounds it, and it falls towards minus infinity while nothing is learned.

    Usual causes: `NLLLoss` without `log_softmax` before it, `softmax` where `log_softmax` was meant.

    Told apart from: a loss with the wrong sign: here the criterion itself is given the wrong quantity.

    Args:
        run: reads `output.log_row_sum_error`: 0 where exp of every row of the criterion's input sums to 1.
        least: looks at the criterion's input that are needed.

    Examples:
        >>> facts = {"criteria": [{"kind": "NLLLoss"}]}
        >>> sick = Run.of({"output.log_row_sum_error": [9.1, 12.0, 15.3], "output.row_sum_error": [-1.0] * 3}, facts=facts)
        >>> [finding.message for finding in loss_expects_log_probabilities(sick)]
        ['NLLLoss wants log-probabilities but gets raw scores: exp of a row sums to 1 + 15.3 (expected 1), so the loss has no lower bound.']
        >>> fine = {"output.log_row_sum_error": [1e-7] * 3, "output.row_sum_error": [-1.0] * 3}
        >>> list(loss_expects_log_probabilities(Run.of(fine, facts=facts)))
        []

    Source:
        An exact fact; torch.nn.NLLLoss: "the input given through a forward call is expected to contain log-probabilities".
    """
    kind = kind_of_loss(run)
    logs, rows = run.series("output.log_row_sum_error").values, run.series("output.row_sum_error").values
    if kind == "nll":
        wrong = len(logs) >= least and bool((logs[np.isfinite(logs)] > 1e-2).all()) and bool(np.isfinite(logs).any())
    elif kind == "kldiv":
        wrong = len(rows) >= least and bool(((rows >= 0) & (rows < 1e-3)).all())
    else:
        return
    if not wrong:
        return
    given = "probabilities" if len(rows) and 0 <= rows[-1] < 1e-3 else "raw scores"
    yield found(
        severity="error",
        stage="confirmed",
        confidence=0.98,
        source=criterion(run).get("source") or source(run, "train"),
        message=f"{criterion(run).get('kind', 'The loss')} wants log-probabilities but gets {given}: exp of a row sums to "
        f"1 + {number(float(logs[-1]) if len(logs) else float('nan'))} (expected 1), so the loss has no lower bound.",
        evidence=[
            Evidence(
                "output.log_row_sum_error", "", value=float(logs[-1]) if len(logs) else None, expected="0", limit=1e-2
            )
        ],
        remedies=[LOG_PROBABILITIES],
    )
