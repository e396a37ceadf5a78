"""An operation runs over the wrong axis."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._consequences import NOT_LEARNING
from ._network import modules


@rule(
    "fact:modules",
    "batch.size",
    "event:warning",
    family="forward",
    explains=(
        *NOT_LEARNING,
        "overfitting",
        "examples-leak-into-each-other",
        "learning-rate-too-low",
        "saturated-units",
        "vanishing-gradients",
        "batchnorm-train-eval-gap",
    ),
)
def wrong_axis(run: Run) -> Iterator[Finding]:
    """An operation runs over the wrong axis: time is taken for the batch, or examples for classes.

    Why it matters: a recurrent or attention layer that takes the batch for time lets every example see the others, and sees
    no sequence at all. It runs without an error, and learns something else.

    Usual causes: `batch_first=True` forgotten, softmax without `dim`, view where permute was meant.

    Told apart from: layers fed with time first on purpose: the batch's length must show up on the other axis.

    Args:
        run: reads the fact `modules` (`batch_axis` and `shape_in` of each) against `batch.size`, and PyTorch's warning
            about a softmax without an axis.

    Examples:
        >>> facts = {"modules": [{"name": "lstm", "kind": "LSTM", "batch_axis": 1, "shape_in": [32, 12, 8]}]}
        >>> [finding.message for finding in wrong_axis(Run.of({"batch.size": {"0": [32.0] * 3}}, facts=facts))]
        ['lstm (LSTM) takes axis 1 for the batch, but gets (32, 12, 8): the batch of 32 is on axis 0. It runs through the examples as if they were time.']
        >>> facts["modules"][0]["batch_axis"] = 0
        >>> list(wrong_axis(Run.of({"batch.size": {"0": [32.0] * 3}}, facts=facts)))
        []

    Source:
        An exact fact of the shapes; Humbatova et al. 2020 (wrong shape or axis).
    """
    batch = run.last("batch.size", "0")
    for one in modules(run):
        axis, shape = one.get("batch_axis"), one.get("shape_in") or []
        if axis != 1 or len(shape) < 3 or not batch > 1 or shape[0] == shape[1]:
            continue
        if shape[0] == int(batch) and shape[1] != int(batch):
            yield found(
                severity="error",
                stage="confirmed",
                confidence=0.93,
                where=one.get("name"),
                message=f"{one.get('name')} ({one.get('kind')}) takes axis 1 for the batch, but gets {tuple(shape)}: the batch of {int(batch)} is on axis 0. "
                "It runs through the examples as if they were time.",
                evidence=[
                    Evidence("fact:modules", one.get("name"), value=float(shape[1]), expected=f"{int(batch)} on axis 1")
                ],
                remedies=[advice("Tell it that the batch comes first", f"nn.{one.get('kind')}(…, batch_first=True)")],
            )
    for event in run.events_of("warning"):
        text = str(event.detail.get("text", ""))
        if "Implicit dimension choice" in text:
            yield found(
                severity="info",
                stage="suspect",
                confidence=0.2,
                step=event.step,
                source=event.detail.get("source"),
                message="A softmax is called without an axis, and PyTorch guesses one.",
                evidence=[Evidence("event:warning", None, event.step, text[:120], "dim=1")],
                remedies=[advice("Name the axis", "torch.softmax(scores, dim=1)")],
            )
            return
