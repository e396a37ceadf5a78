"""A penalty is added to the loss as a number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._network import source
from ._progress import judged
from ._words import number

WIRE = advice(
    "Add the penalty as a tensor that was computed from the weights themselves",
    "loss = criterion(output, target) + 1e-4 * sum(w.square().sum() for w in model.parameters())  # no .item(), .data",
)

GRAPH = advice("Let the gradient have a graph of its own", "g = torch.autograd.grad(u.sum(), x, create_graph=True)[0]")


@rule(
    "loss.constant",
    "loss.criterion",
    "loss.train",
    "fact:loops",
    "fact:dead_gradients",
    "fact:optimizers",
    "calls.backward",
    family="regularization",
    explains=("overfitting",),
)
def regularization_not_wired(
    run: Run, *, share: float = 0.01, change: float = 0.01, least: int = 3
) -> Iterator[Finding]:
    """A term of the loss has no gradient: the penalty, or the equation, it stands for does nothing.

    Why it matters: only what is connected to the weights through the graph moves them. A penalty that is added as a
    plain number, or detached, makes the loss larger on the screen and changes no weight: the network is as free to learn
    its examples by heart as without it, whatever the strength.

    Usual causes: `.item()`, `.data`, `.detach()` or `torch.no_grad()` where the penalty is computed, a penalty over copies
    of the weights; a physics residual, a force or a gradient penalty from `torch.autograd.grad` without `create_graph=True`.

    Told apart from: constants that belong to a loss (they stay what they are), a term that is only small (it has a
    gradient), weight decay in the optimizer; gradients that make new inputs (adversarial examples, sampling) or that are only looked at.

    Args:
        run: reads `loss.constant`, the part of the loss that nothing in the graph leads to, beside `loss.criterion`.
        share: part of the criterion's own value that the term must have to be more than rounding.
        change: share by which it must change over the run: what never changes is a constant, not a penalty.
        least: readings that are needed.

    Examples:
        >>> grows = {"loss.constant": [0.5 + 0.01 * step for step in range(20)], "loss.criterion": [1.0] * 20}
        >>> [finding.message for finding in regularization_not_wired(Run.of(grows))]
        ['A term of the loss has no gradient: 0.69 is added to the criterion (0.5 at the start), but nothing leads from it to the weights, so it teaches nothing.']
        >>> list(regularization_not_wired(Run.of({**grows, "loss.constant": [0.92] * 20})))
        []
        >>> facts = {"dead_gradients": {"source": "pinn.py:40"}}
        >>> [finding.source for finding in regularization_not_wired(Run.of(facts=facts))]
        ['pinn.py:40']

    Source:
        An exact fact (the autograd graph of the loss). CS231n, Training Neural Networks I: crank up the regularization,
        and the loss must go up for a reason.
    """
    dead = run.fact("dead_gradients")
    if dead:
        yield found(
            severity="error", stage="confirmed", confidence=0.95, source=dead.get("source"),
            message="A term of the loss is made of a gradient that torch.autograd.grad computed without a graph: to backward it is a number, "
            "so it teaches nothing.",
            evidence=[Evidence("fact:dead_gradients", None, value="create_graph=False", expected="create_graph=True")],
            remedies=[GRAPH],
        )  # fmt: skip
        return
    term, own = run.series("loss.constant"), judged(run)
    values = term.values[np.isfinite(term.values)]
    if len(values) < least or not len(own):
        return
    size, level = float(np.median(np.abs(values))), float(np.median(np.abs(own.values[np.isfinite(own.values)])))
    if size <= share * level or float(np.ptp(values)) <= change * size:
        return
    yield found(
        severity="warning", stage="confirmed", confidence=0.9, step=int(term.steps[0]), source=source(run, "train"),
        message=f"A term of the loss has no gradient: {number(term.last)} is added to the criterion ({number(term.first)} at the "
        "start), but nothing leads from it to the weights, so it teaches nothing.",
        evidence=[Evidence("loss.constant", "", int(term.steps[-1]), term.last, "0, or a term with a gradient")],
        remedies=[WIRE],
    )  # fmt: skip
