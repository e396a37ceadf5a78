"""Copies of the model drift apart."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._consequences import NOT_LEARNING
from ._words import number

WRAPPER = advice(
    "Call the wrapped model, so that its gradients are averaged", "output = ddp_model(x)  # not ddp_model.module(x)"
)


@rule("replicas.spread", family="calls", explains=(*NOT_LEARNING, "overfitting"))
def replicas_diverge(run: Run, *, limit: float = 1e-5, least: int = 2) -> Iterator[Finding]:
    """The processes of a distributed training hold different weights.

    Why it matters: each process then trains a network of its own on its part of the data; only one is kept.

    Usual causes: calling `model.module` past the DistributedDataParallel wrapper, changing weights after wrapping, different
    unused parameters, seeds that set weights after wrapping.

    Told apart from: averaging once in a while on purpose (local SGD), where the difference goes back to 0.

    Args:
        run: reads `replicas.spread`, the largest difference of a parameter's norm over processes, relative to it.
        limit: difference that rounding can't explain.
        least: newest readings that must all be above.

    Examples:
        >>> [finding.message for finding in replicas_diverge(Run.of({"replicas.spread": [0.0, 0.01, 0.03]}))]
        ['The processes hold different weights: norms differ by 0.03 of their size (expected 0).']
        >>> list(replicas_diverge(Run.of({"replicas.spread": [0.0, 0.0, 0.0]})))
        []

    Source:
        TrainCheck (invariant: equal parameters across ranks). An exact fact.
    """
    series = run.series("replicas.spread")
    if len(series) < least or not (series.tail(least) > limit).all():
        return
    yield found(
        severity="error",
        stage="confirmed",
        confidence=0.95,
        step=int(series.steps[int((series.values > limit).argmax())]),
        message=f"The processes hold different weights: norms differ by {number(series.last)} of their size (expected 0).",
        evidence=[Evidence("replicas.spread", "", int(series.steps[-1]), series.last, "0", limit)],
        remedies=[WRAPPER],
    )
