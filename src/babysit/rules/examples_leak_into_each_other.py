"""One example's output depends on another's input."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._words import number

PERMUTE = advice(
    "Exchange axes with permute or transpose, not with view or reshape", "x = x.permute(1, 0, 2)  # not x.view(b, a, c)"
)
MASK = advice("Mask the future", "nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)")


@rule(
    "fact:dependency",
    "fact:task",
    family="forward",
    explains=(
        "labels-independent-of-inputs",
        "underfitting",
        "overfitting",
        "batchnorm-train-eval-gap",
        "validation-leak",
        "loss-barely-changes",
        "target-in-input",
    ),
)
def examples_leak_into_each_other(run: Run, *, limit: float = 1e-4) -> Iterator[Finding]:
    """An output depends on other examples of the batch, or on the future of its own sequence.

    Why it matters: examples that are mixed up can't be learned; a network that sees the future has the answer before it.

    Usual causes: view or reshape where permute was meant, a softmax or norm over the batch's axis, a missing causal mask.

    Told apart from: batch norm in training mode (the probe runs in evaluation mode), losses that compare examples on purpose
    (the outputs are looked at, not the loss), graphs, and models that may see the whole sequence: the future is only
    asked for where every target is the input's next value.

    Args:
        run: reads the fact `dependency`: the largest influence of another example, and of a later position, on an output.
        limit: influence that rounding can't explain.

    Examples:
        >>> [finding.message for finding in examples_leak_into_each_other(Run.of(facts={"dependency": {"examples": 0.4, "future": 0.0}}))]
        ['An output depends on the input of other examples in its batch (influence 0.4, expected 0).']
        >>> list(examples_leak_into_each_other(Run.of(facts={"dependency": {"examples": 0.0, "future": 0.0}})))
        []

    Source:
        Karpathy, A recipe: use backprop to chart dependencies. An exact fact.
    """
    known = run.fact("dependency") or {}
    for name, text, remedy in (
        ("examples", "An output depends on the input of other examples in its batch", PERMUTE),
        ("future", "An output depends on later positions of its own sequence", MASK),
    ):
        value = known.get(name)
        if isinstance(value, int | float) and value > limit:
            yield found(
                severity="error",
                stage="confirmed",
                confidence=0.95,
                message=f"{text} (influence {number(float(value))}, expected 0).",
                evidence=[Evidence("fact:dependency", name, value=float(value), expected="0", limit=limit)],
                remedies=[remedy],
            )
