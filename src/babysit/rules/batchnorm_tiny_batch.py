"""Batch norm over too few values."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import GROUP_NORM, LARGER_BATCH
from . import found, rule
from ._network import recent
from ._progress import READS, grade, progress
from ._words import listed, number


@rule(
    "norm.batch",
    *READS,
    family="regularization",
    explains=("batchnorm-train-eval-gap", "loss-oscillates", "overfitting", "underfitting"),
)
def batchnorm_tiny_batch(run: Run, *, limit: float = 8.0) -> Iterator[Finding]:
    """Batch norm averages over so few values that its statistics are mostly noise.

    Why it matters: mean and variance of n values have relative errors of about 1/sqrt(n). With a handful, every example's
    output depends on which others are in the batch, and evaluation differs from training.

    Usual causes: batches of 1 to 4 for lack of memory, batch norm after global pooling.

    Told apart from: small batches of large images, where every channel still averages over many positions (values are
    counted, not examples); a last, smaller batch (the median of the newest is taken).

    Args:
        run: reads `norm.batch`, the values per channel that batch norm averages over.
        limit: values below which it is too few.

    Examples:
        >>> sick = Run.of({"norm.batch": {"bn": [2.0] * 6}, "loss.train": [2.3] * 60, "loss.chance": [2.3] * 60})
        >>> [finding.message for finding in batchnorm_tiny_batch(sick)]
        ['bn averages over 2 values only (at least 8 wanted): mean and variance are mostly noise.']
        >>> list(batchnorm_tiny_batch(Run.of({"norm.batch": {"bn": [64.0] * 6}, "loss.train": [2.3] * 60})))
        []

    Source:
        Wu & He 2018, Group normalization; torch-audit (8).
    """
    tiny = {where: value for where, value in recent(run, "norm.batch").items() if 0 < value < limit}
    if not tiny:
        return
    where = min(tiny, key=lambda name: tiny[name])
    mine, other = run.series("accuracy.train").tail(3), run.series("accuracy.val").tail(3)
    apart = len(mine) and len(other) and float(mine.mean() - other.mean()) > 0.1
    yield found(
        severity="warning" if apart else grade(run, "warning"),
        stage="suspect",
        confidence=0.7 if tiny[where] <= 4 and not progress(run).winning else 0.5 if apart else 0.2,
        where=where,
        message=f"{listed(list(tiny))} average{'s' if len(tiny) == 1 else ''} over {number(tiny[where])} values only (at least {limit:g} wanted): mean and variance are mostly noise.",
        evidence=[Evidence("norm.batch", where, value=tiny[where], expected=f">= {limit:g}", limit=limit)],
        remedies=[GROUP_NORM, LARGER_BATCH],
    )
