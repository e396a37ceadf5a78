"""backward is called, step never."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import ORDER
from . import found, rule
from ._consequences import EVERYTHING
from ._network import source


@rule("calls.without_step", "calls.backward", "event:end", "fact:loops", family="calls", explains=EVERYTHING)
def optimizer_never_steps(run: Run, *, least: int = 10) -> Iterator[Finding]:
    """The gradients are computed, but the optimizer never steps.

    Why it matters: nothing changes the weights. The loss moves only with the batches.

    Usual causes: `optimizer.step()` forgotten, indented into a branch that is never taken, or left to a scheduler.

    Told apart from: gradient accumulation, where a step comes after a few backward passes.

    Args:
        run: reads `calls.without_step`, backward passes so far when no step has ever been made.
        least: backward passes that are needed; four times as many before it is certain.

    Examples:
        >>> [finding.message for finding in optimizer_never_steps(Run.of({"calls.without_step": [10.0, 50.0]}))]
        ['The optimizer never steps: 50 backward passes, no step.']
        >>> list(optimizer_never_steps(Run.of({"calls.without_step": [4.0]})))
        []

    Source:
        An exact fact of the order of calls.
    """
    series = run.series("calls.without_step")
    if not len(series) or not least <= series.last < float("inf") or run.has("calls.backward"):
        return
    sure = series.last >= 4 * least or bool(run.events_of("end"))
    yield found(
        severity="error" if sure else "info",
        stage="confirmed" if sure else "suspect",
        confidence=0.97 if sure else 0.5,
        source=source(run, "train"),
        message=f"The optimizer never steps: {int(series.last)} backward passes, no step.",
        evidence=[Evidence("calls.without_step", "", int(series.steps[-1]), series.last, "0")],
        remedies=[ORDER],
    )
