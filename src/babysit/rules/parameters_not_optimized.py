"""Trainable parameters that no optimizer holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..record import Evidence, Finding, Run
from ..record.remedies import ALL_PARAMETERS, MODULE_LIST
from . import found, rule
from ._consequences import EVERYTHING
from ._draws import never_trained
from ._network import holds_another_model, modules, optimizers, parameters, source
from ._progress import progress
from ._words import listed, percent


@rule(
    "fact:parameters",
    "fact:optimizers",
    "fact:modules",
    "gradient.norm",
    "event:reinit",
    "loss.train",
    family="coverage",
    explains=(*EVERYTHING, "step-without-gradients"),
)
def parameters_not_optimized(run: Run, *, least: int = 2) -> Iterator[Finding]:
    """Parameters that should be trained are not in any optimizer.

    Why it matters: they get gradients and never move. The network trains with part of itself, or not at all.

    Usual causes: the optimizer was built before the model was complete or from another model, layers kept in a plain
    Python list, a layer replaced after the optimizer was built.

    Told apart from: freezing on purpose (`requires_grad=False`), modules that are not called, or no longer, target networks (no
    gradient), and training only a head on purpose, where the optimizer holds whole modules that go on to learn (an info).

    Args:
        run: reads the facts `parameters` (which optimizer holds each) and `optimizers` (how many parameters it holds
            that no watched model has), and that gradients reach the parameters.
        least: steps that are needed.

    Examples:
        >>> facts = {"parameters": [{"name": "0.weight", "requires_grad": True, "optimizer": None, "registered": True},
        ...                         {"name": "2.weight", "requires_grad": True, "optimizer": "0.0", "registered": True}],
        ...          "optimizers": [{"index": 0, "kind": "Adam", "foreign": 1, "source": "train.py:9"}]}
        >>> sick = Run.of({"loss.train": [2.3, 2.3, 2.3], "gradient.norm": {"0.weight": [0.5] * 3}}, facts=facts)
        >>> [finding.message for finding in parameters_not_optimized(sick)]
        ["1 of 2 parameters get gradients but are in no optimizer, so they never change: 0.weight; the optimizer holds 1 parameters that are not this model's."]
        >>> held = {"parameters": [{"name": "0.weight", "requires_grad": True, "optimizer": "0.0", "registered": True}]}
        >>> list(parameters_not_optimized(Run.of({"loss.train": [2.3, 2.3, 2.3]}, facts=held)))
        []

    Source:
        An exact fact (identity of the parameters).
    """
    if len(run.series("loss.train")) < least or not optimizers(run):
        return
    known = parameters(run)
    newest = max((one.get("last") or 0 for one in modules(run)), default=0)
    used = {one.get("name") for one in modules(run) if (one.get("last") or newest) >= 0.7 * newest}
    missing = [
        one for one in known
        if one.get("requires_grad", True) and not one.get("optimizer") and not one.get("tied_to")
        and (not used or one.get("module") is None or one.get("module") in used) and _gets_gradient(run, one["name"])
    ]  # fmt: skip
    foreign = sum(int(one.get("foreign") or 0) for one in optimizers(run))
    if not missing:
        return
    unregistered = [one for one in missing if one.get("registered") is False]
    names = [one["name"] for one in missing]
    sure = bool(unregistered or foreign or run.events_of("reinit")) or not _whole_modules(known, missing)
    fresh = not sure and never_trained(missing)
    all_of_it = len(missing) == sum(1 for one in known if one.get("requires_grad", True)) or holds_another_model(run)
    winning = progress(run).winning
    why = (
        "they are kept outside of the model's own list of parameters (a plain Python list?)" if unregistered
        else f"the optimizer holds {foreign} parameters that are not this model's" if foreign
        else "they were replaced after the optimizer was built" if run.events_of("reinit")
        else "no optimizer was given them" + (", and they are as PyTorch draws them: never trained" if fresh else "")
    )  # fmt: skip
    yield found(
        severity="error" if sure or all_of_it else "info" if winning and not fresh else "warning",
        stage="confirmed" if sure or all_of_it else "suspect",
        confidence=0.98 if all_of_it else 0.97 if sure else 0.6 if fresh or not winning else 0.15,
        step=1,
        where=names[0],
        source=source(run, "optimizer"),
        message=f"{len(missing)} of {len(known)} parameters get gradients but are in no optimizer, so they never change: {listed(names)}; {why}.",
        evidence=[Evidence("gradient.norm", names[0], value=_last(run, names[0]), expected="held by an optimizer")],
        remedies=[MODULE_LIST, ALL_PARAMETERS] if unregistered else [ALL_PARAMETERS],
        extra={"share": percent(len(missing) / len(known))},
    )


def _gets_gradient(run: Run, name: str) -> bool:
    series = run.series("gradient.norm", name)
    return (
        not len(series)
        if not run.has("gradient.norm")
        else bool(len(series) and (series.values > 0).any()) or not len(series)
    )


def _last(run: Run, name: str) -> float | None:
    series = run.series("gradient.norm", name)
    return series.last if len(series) else None


def _whole_modules(known: list[Any], missing: list[Any]) -> bool:
    """Are the missing ones whole top-level parts, as when only a head is trained on purpose?"""
    top = [str(one["name"]).split(".")[0] for one in missing]
    held = {str(one["name"]).split(".")[0] for one in known if one.get("optimizer")}
    return bool(held) and not held & set(top)
