"""Units pressed against the bounds of sigmoid or tanh."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.apart import apart
from ..record.remedies import BATCH_NORM, INIT_XAVIER, LOWER_LR, RELU_FOR_SIGMOID
from . import found, rule
from ._consequences import NO_SIGNAL, NOT_LEARNING
from ._network import activation_of, last_module, module
from ._progress import READS, grade, progress
from ._words import listed, percent


@rule("activation.saturated", "activation.saturated_units", *READS, family="init", explains=(*NO_SIGNAL, *NOT_LEARNING))
def saturated_units(run: Run, *, limit: float = 0.5, blind: float = 0.9) -> Iterator[Finding]:
    """Most units of a sigmoid or tanh layer are saturated.

    Why it matters: in the flat part of a sigmoid or tanh the derivative is almost 0. Whatever the loss wants changed behind such
    a unit, hardly any gradient gets through, and layers before it don't learn.

    Usual causes: weights that start too large, inputs that are not normalized, a learning rate too high.

    Told apart from: the output of a classifier that is sure (the last layer is left out) and ReLU kinds, whose units are
    judged as dead or not; runs that learn well all the same (an info).

    Args:
        run: reads `activation.saturated_units`, the share of units in the flat part for at least 95 % of the examples, or
            `activation.saturated`, the share of single values.
        limit: share above which a layer is reported.
        blind: share that, from the first step on and in every such layer, is a warning even where the layers behind it learn
            from what is left (an output layer on a fixed binary code).

    Examples:
        >>> sick = Run.of({"activation.saturated_units": {"tanh1": [0.9] * 3}, "loss.train": [2.3] * 20})
        >>> [finding.message for finding in saturated_units(sick)]
        ['tanh1: 90 % of the units are saturated (limit 50 %): almost no gradient gets through. It was so from the start: weights or inputs too large.']
        >>> list(saturated_units(Run.of({"activation.saturated_units": {"tanh1": [0.05] * 3}, "loss.train": [2.3] * 20})))
        []

    Source:
        CS231n, Training Neural Networks I, activation functions: sigmoid, tanh; SageMaker Debugger (50 %).
    """
    last = last_module(run).get("name")
    flat: dict[str, tuple[str, float, int]] = {}
    for what in ("activation.saturated", "activation.saturated_units"):
        for where, series in run.each(what):
            kind = activation_of(module(run, where))
            if where == last or kind.get("can_die") or len(series) < 2:
                continue
            value = float(np.median(series.tail(3)))
            if value > limit:
                over = np.flatnonzero(series.values > limit)
                flat[where] = (what, value, int(series.steps[over[0]]) if len(over) else run.step)
            elif what == "activation.saturated_units" and value < 0.2 and flat.get(where, ("", 0.0, 0))[2] > 5:
                del flat[
                    where
                ]  # each unit says something for some examples (but not where most was flat from the first step on)
    if not flat:
        return
    worst = max(flat, key=lambda where: flat[where][1])
    what, share, begin = flat[worst]
    thing = "units are" if what.endswith("units") else "outputs are"
    much, most = apart(share, limit, percent, 2)
    others = f" (also {listed([where for where in flat if where != worst])})" if len(flat) > 1 else ""
    early = begin <= 5
    shut = early and len(flat) > 1 and min(value for _, value, _ in flat.values()) > blind
    yield found(
        severity="warning" if shut else grade(run, "warning"),
        stage="suspect",
        confidence=0.6 if shut or not progress(run).winning else 0.1,
        step=begin,
        where=worst,
        message=f"{worst}: {much} of the {thing} saturated (limit {most}){others}: almost no gradient gets through. "
        + ("It was so from the start: weights or inputs too large." if early else f"It is so since step {begin}."),
        evidence=[
            Evidence(name, where, value=value, expected=f"< {limit:g}", limit=limit)
            for where, (name, value, _) in list(flat.items())[:5]
        ],
        remedies=[INIT_XAVIER, BATCH_NORM, RELU_FOR_SIGMOID] if early else [LOWER_LR, INIT_XAVIER, BATCH_NORM],
    )
