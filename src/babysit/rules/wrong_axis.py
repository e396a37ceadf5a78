"""An operation runs over the wrong axis."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._consequences import NOT_LEARNING
from ._network import criterion, kind_of_loss, modules, source
from ._words import number


@rule(
    "fact:modules",
    "fact:criteria",
    "fact:epochs",
    "fact:views",
    "output.column_sum_error",
    "output.row_sum_error",
    "output.log_row_sum_error",
    "event:warning",
    family="forward",
    explains=(
        *NOT_LEARNING,
        "overfitting",
        "examples-leak-into-each-other",
        "loss-expects-log-probabilities",
        "loss-expects-logits",
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

    Told apart from: layers fed with time first on purpose: that axis 0 holds the examples is only said where there is one
    target for each, or where a data loader put so many there.

    Args:
        run: reads the fact `modules` (`batch_axis` and `shape_in` of each) against the targets' shape and the loader's
            batch size, `output.column_sum_error`, the fact `views` (views that trade axes), and PyTorch's warning about a softmax without an axis.

    Examples:
        >>> facts = {"modules": [{"name": "lstm", "kind": "LSTM", "batch_axis": 1, "shape_in": [32, 12, 8]}]}
        >>> facts["criteria"] = [{"kind": "CrossEntropyLoss", "target_shape": [32]}]
        >>> [finding.message for finding in wrong_axis(Run.of({}, facts=facts))]
        ['lstm (LSTM) takes axis 1 for the batch, but gets (32, 12, 8): the batch of 32 is on axis 0. It runs through the examples as if they were time.']
        >>> facts["criteria"][0]["target_shape"] = [12 * 32]  # an answer at every place: it may well be time first
        >>> list(wrong_axis(Run.of({}, facts=facts)))
        []

    Source:
        An exact fact of the shapes; Humbatova et al. 2020 (wrong shape or axis).
    """
    yield from _layers(run)
    yield from _softmax(run)
    yield from _views(run)
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


def _layers(run: Run) -> Iterator[Finding]:
    """Recurrent and attention layers that take axis 1 for the batch, and get the examples on axis 0."""
    target = criterion(run).get("target_shape") or []
    loaded = (run.fact("epochs") or {}).get("batch_size")
    for one in modules(run):
        shape = one.get("shape_in") or []
        if one.get("batch_axis") != 1 or len(shape) < 3 or shape[0] == shape[1] or 1 in shape[:2]:
            continue
        answers = target[:1] == shape[:1] and target[1:2] != shape[1:2]
        if answers or loaded == shape[0]:
            yield found(
                severity="error",
                stage="confirmed",
                confidence=0.93,
                where=one.get("name"),
                message=f"{one.get('name')} ({one.get('kind')}) takes axis 1 for the batch, but gets {tuple(shape)}: the batch of {shape[0]} is on axis 0. "
                "It runs through the examples as if they were time.",
                evidence=[
                    Evidence("fact:modules", one.get("name"), value=float(shape[1]), expected=f"{shape[0]} on axis 1")
                ],
                remedies=[advice("Tell it that the batch comes first", f"nn.{one.get('kind')}(…, batch_first=True)")],
            )


def _softmax(run: Run, *, least: int = 3, exact: float = 1e-3, off: float = 1e-2) -> Iterator[Finding]:
    """The criterion gets a distribution over the examples, where one over the classes is meant."""
    over = run.series("output.column_sum_error").values
    rows, logs = run.series("output.row_sum_error").values, run.series("output.log_row_sum_error").values
    if (
        len(over) < least
        or len(rows) != len(over)
        or len(logs) != len(over)
        or kind_of_loss(run) not in ("crossentropy", "nll")
    ):
        return
    if ((over >= 0) & (over < exact)).all() and (logs > off).all() and (abs(rows) > off).all():
        yield found(
            severity="error",
            stage="confirmed",
            confidence=0.99,  # it explains what the loss lacks
            source=criterion(run).get("source") or source(run, "train"),
            message=f"The loss gets a softmax over the examples of the batch: each class sums to 1 over them (to {number(float(over[-1]))}), "
            "and the classes of one example don't. What is said of one example depends on the others.",
            evidence=[
                Evidence(
                    "output.column_sum_error", "", value=float(over[-1]), expected="a sum over classes", limit=exact
                )
            ],
            remedies=[advice("Take the softmax over the classes", "torch.log_softmax(scores, dim=1)")],
        )


def _views(run: Run) -> Iterator[Finding]:
    """A view gives what the model gets other axes, in the order of a permutation, and moves no number."""
    given = next((one.get("shape_in") or [] for one in modules(run) if one.get("shape_in")), [])
    for one in run.fact("views") or []:
        before, after = one["from"], one["to"]
        if not (one["inside"] or (len(given) > 1 and after[1 - len(given) :] == given[1:])):
            continue
        yield found(
            severity="warning",
            stage="suspect",
            confidence=0.8,
            source=one.get("source"),
            message=f"A view makes {tuple(after)} of {tuple(before)}: the axes trade places, but the numbers stay in their order, so that what belonged together is "
            "scattered over the other axes. A permutation was meant.",
            evidence=[Evidence("fact:views", None, value=str(tuple(after)), expected=f"{tuple(before)} permuted")],
            remedies=[advice("Permute the axes", f"x.permute{_order(before, after)}")],
        )
        return


def _order(before: list[int], after: list[int]) -> tuple[int, ...]:
    """The permutation that makes one shape of the other."""
    left, order = list(enumerate(before)), []
    for size in after:
        at = next((pair for pair in left if pair[1] == size), left[0])
        left.remove(at)
        order.append(at[0])
    return tuple(order)
