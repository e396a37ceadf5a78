"""Hidden units whose outputs all have one sign."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import RELU_FOR_SIGMOID, TANH_FOR_SIGMOID
from . import found, rule
from ._network import activation_of, last_module, module
from ._progress import progress
from ._words import listed


@rule("activation.positive", "fact:modules", family="init")
def outputs_not_zero_centred(run: Run, *, limit: float = 0.99) -> Iterator[Finding]:
    """Hidden layers give only positive outputs (sigmoid), so they are not centred on zero.

    Why it matters: a unit whose inputs are all positive gets gradients on its weights that all have the same sign: they can
    only grow together or shrink together, and the way to a minimum becomes a zig-zag.

    Usual causes: sigmoid in hidden layers.

    Told apart from: ReLU, whose outputs are positive too but which does not saturate on that side; the last layer, where a
    sigmoid may be the answer; gates. It slows, and seldom prevents, learning: an info.

    Args:
        run: reads `activation.positive`, the share of units whose outputs are all of one sign.
        limit: share above which a layer is reported.

    Examples:
        >>> facts = {"modules": [{"name": "1", "kind": "Sigmoid", "activation": {"name": "sigmoid"}}, {"name": "2", "kind": "Linear"}]}
        >>> [finding.message for finding in outputs_not_zero_centred(Run.of({"activation.positive": {"1": [1.0]}}, facts=facts))]
        ["The outputs of 1 are all positive (sigmoid), not centred on 0: the next layer's weights can only rise or fall together."]
        >>> list(outputs_not_zero_centred(Run.of({"activation.positive": {"1": [0.1]}}, facts=facts)))
        []

    Source:
        CS231n, Training Neural Networks I, activation functions: sigmoid, "outputs are not zero-centered".
    """
    last = last_module(run).get("name")
    places = [
        where for where, series in run.each("activation.positive")
        if where != last and series.last > limit and activation_of(module(run, where)).get("name") in ("sigmoid", "hardsigmoid")
    ]  # fmt: skip
    if not places:
        return
    yield found(
        severity="info",
        stage="suspect",
        confidence=0.05 if progress(run).winning else 0.15,
        where=places[0],
        message=f"The outputs of {listed(places)} are all positive (sigmoid), not centred on 0: the next layer's weights can only rise or fall together.",
        evidence=[
            Evidence(
                "activation.positive",
                places[0],
                value=run.last("activation.positive", places[0]),
                expected="about 0",
                limit=limit,
            )
        ],
        remedies=[TANH_FOR_SIGMOID, RELU_FOR_SIGMOID],
    )
