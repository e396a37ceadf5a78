"""The optimizer steps on nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run, Series
from ..record.remedies import ORDER
from . import found, rule
from ._consequences import EVERYTHING
from ._network import holds_another_model, is_cut_off, optimizers, source


@rule(
    "calls.zeroed_after_backward", "calls.backward", "calls.backward_elsewhere", "gradient.missing", "gradient.zero", "update.skipped", "gradient.norm", "fact:parameters", "fact:optimizers", "fact:loops",
    family="calls", explains=(*EVERYTHING, "parameters-not-optimized", "symmetric-units", "graph-cut", "batches-not-shuffled"),
)  # fmt: skip
def step_without_gradients(run: Run, *, least: int = 3) -> Iterator[Finding]:
    """The optimizer steps without gradients: the calls come in the wrong order.

    Why it matters: a step moves the weights by their gradients. Where these were just cleared, or were never computed,
    the step does nothing (or only weight decay acts).

    Usual causes: `zero_grad()` between `backward()` and `step()`, `step()` before `backward()`, `backward()` forgotten.

    Told apart from: steps that mixed precision skips on purpose, dead layers (whose gradient is computed and is zero)
    and a cut graph (some parameters have gradients): here it is the calls themselves that show it.

    Args:
        run: reads `calls.zeroed_after_backward`, `calls.backward`, `gradient.missing` at each step.
        least: consecutive steps that are needed.

    Examples:
        >>> sick = Run.of({"calls.backward": {"0": [1.0] * 4}, "calls.zeroed_after_backward": {"0": [1.0] * 4}})
        >>> [finding.message for finding in step_without_gradients(sick)]
        ['The optimizer steps without gradients: gradients are cleared between backward() and step(), so that every step sees none.']
        >>> list(step_without_gradients(Run.of({"calls.backward": {"0": [1.0] * 4}, "calls.zeroed_after_backward": {"0": [0.0] * 4}})))
        []

    Source:
        An exact fact of the order of calls.
    """
    if holds_another_model(run):
        return  # backward comes where it should, and reaches other parameters than the optimizer's
    for where in dict.fromkeys(
        [*run.places("calls.backward"), *run.places("calls.zeroed_after_backward"), *run.places("gradient.missing")]
    ):
        if _all(run.series("update.skipped", where), 1, least):
            continue
        cleared, backward, missing = (
            run.series(what, where) for what in ("calls.zeroed_after_backward", "calls.backward", "gradient.missing")
        )
        if _all(cleared, 1, least):
            yield _say(
                run,
                where,
                cleared,
                "calls.zeroed_after_backward",
                "gradients are cleared between backward() and step(), so that every step sees none",
                0.98,
            )
        elif is_cut_off(run, where, least):
            continue  # the calls are right: what they are called on doesn't hang together (graph_cut)
        elif _all(backward, 0, least) and not _moves(run, where, least):
            yield _say(
                run,
                where,
                backward,
                "calls.backward",
                "no backward() comes before step(), so that there is nothing to follow",
                0.97,
            )
        elif _all(missing, 1, least):
            yield _say(
                run,
                where,
                missing,
                "gradient.missing",
                "none of the optimizer's parameters has a gradient at step()",
                0.8,
            )


def _all(series: Series, value: float, least: int) -> bool:
    return len(series) >= least and bool((series.values[-least:] == value).all())


def _moves(run: Run, where: str, least: int) -> bool:
    """Gradients are there all the same: computed by torch.autograd.grad or by a closure."""
    missing, zero = run.series("gradient.missing", where), run.series("gradient.zero", where)
    return (len(missing) >= least and float(np.median(missing.tail(least))) < 1) and (
        len(zero) >= least and float(np.median(zero.tail(least))) < 1
    )


def _say(run: Run, where: str, series: Series, what: str, text: str, sure: float) -> Finding:
    return found(
        severity="error",
        stage="confirmed",
        confidence=sure,
        step=int(series.steps[0]),
        source=source(run, "step"),
        message=f"The optimizer steps without gradients: {text}.",
        evidence=[
            Evidence(what, where, int(series.steps[-1]), series.last, {"calls.backward": "at least 1"}.get(what, "0"))
        ],
        remedies=[ORDER],
        # an optimizer that holds another model's parameters finds no gradients, however right the order is
        explains=EVERYTHING if any(one.get("foreign") for one in optimizers(run)) else (),
    )
