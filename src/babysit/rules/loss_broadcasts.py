"""Output and target have different shapes and are stretched against each other."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import MATCH_SHAPES
from . import found, rule
from ._consequences import NOT_LEARNING
from ._network import criterion, source


@rule(
    "output.broadcast", "output.numel_ratio", "fact:criteria", "fact:loops", "event:warning", family="loss",
    explains=(*NOT_LEARNING, "overfitting", "rank-collapse", "vanishing-gradients"),
)  # fmt: skip
def loss_broadcasts(run: Run) -> Iterator[Finding]:
    """Output and target have different shapes, and the loss compares every output with every target.

    Why it matters: (N, 1) against (N,) is stretched to (N, N). The best answer to all targets at once is their mean,
    so that is what the network learns to say, for every example.

    Usual causes: a last layer with one unit gives (N, 1), the targets are (N,).

    Told apart from: several outputs compared with one target on purpose (quantiles, masks) and pairs compared on purpose, in a
    loss of one's own: there only N outputs that meet N numbers in a table of N × N count, unless both sides come from
    the network, one was given an axis for it, or a table goes in.

    Args:
        run: reads `output.broadcast` (of a criterion of PyTorch's, or of a loss written out by hand, from the autograd graph),
            and PyTorch's own warning about it.

    Examples:
        >>> facts = {"criteria": [{"kind": "MSELoss", "output_shape": [64, 1], "target_shape": [64], "source": "fit.py:12"}]}
        >>> [finding.message for finding in loss_broadcasts(Run.of({"output.broadcast": [1.0, 1.0]}, facts=facts))]
        ["Output and target have different shapes (64, 1) and (64,) and are stretched to (64, 64): every output is compared with every target, and the best answer to that is the targets' mean."]
        >>> list(loss_broadcasts(Run.of({"output.broadcast": [0.0, 0.0]}, facts=facts)))
        []

    Source:
        An exact fact of the shapes.
    """
    series = run.series("output.broadcast")
    warned = next((event for event in run.events_of("warning") if "target size" in str(event.detail.get("text", "")) and "broadcast" in str(event.detail.get("text", ""))), None)  # fmt: skip
    if not (len(series) and series.last == 1) and warned is None:
        return
    one = criterion(run)
    mine, other = tuple(one.get("output_shape") or ()), tuple(one.get("target_shape") or ())
    shapes = f" {mine} and {other}" if mine and other and mine != other else ""
    squared = (
        f" to {(mine[0], mine[0])}"
        if shapes and len(mine) == 2 and mine[1] == 1 and other == mine[:1] and mine[0]
        else ""
    )
    yield found(
        severity="error",
        stage="confirmed",
        confidence=0.97,
        step=int(series.steps[0]) if len(series) else (warned.step if warned else 0),
        source=one.get("source") or (warned.detail.get("source") if warned else None) or source(run, "train"),
        message=f"Output and target have different shapes{shapes} and are stretched{squared}: every output is compared with every target, "
        "and the best answer to that is the targets' mean.",
        evidence=[Evidence("output.broadcast", "", value=1.0, expected="0", limit=0.5)],
        remedies=[MATCH_SHAPES],
    )
