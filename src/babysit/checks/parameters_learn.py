"""Every parameter gets a gradient, is held by an optimizer, and moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..record import Evidence, Finding, Recipe, Run
from ..record.remedies import ALL_PARAMETERS, INIT_XAVIER, LOWER_LR, MODULE_LIST, ORDER, STANDARDIZE, UNDETACH, advice
from . import Outcome, Train, check, look, sick
from ._words import failed, listed, passed


@check
def parameters_learn(recipe: Recipe, train: Train) -> Outcome:
    """Does every parameter get a gradient, is it held by an optimizer, and does it move in the first steps?

    Why it matters: a parameter that no optimizer holds, or that a detach cut off, keeps its random start for ever, and
    nothing raises an error: the rest learns around it.

    Examples:
        >>> from babysit.testing import hand_written
        >>> net = [{"name": "0.weight", "optimizer": "0", "registered": True, "called": 0, "requires_grad": True},
        ...        {"name": "2.weight", "optimizer": "0", "registered": True, "called": 1, "requires_grad": True}]
        >>> ok = {("gradient.norm", "0.weight"): 0.1, ("gradient.norm", "2.weight"): 0.2, "parameters": net, "lr": 0.1,
        ...       ("update.zero", "0.weight"): 0, ("update.zero", "2.weight"): 0, "calls.step": 3}
        >>> parameters_learn(Recipe(), hand_written(coverage=ok)).measured
        'all 2 do'
        >>> parameters_learn(Recipe(), hand_written(coverage=ok | {("gradient.norm", "0.weight"): -1})).findings[0].id
        'graph-cut'
        >>> parameters_learn(Recipe(), hand_written(coverage=ok | {("calls.flat", "0"): 9})).findings[0].message
        '9 of the first steps got gradients that are all exactly 0, though the loss is not: the first updates drove outputs or units to where they are flat.'

    Source:
        Exact: the parameters' identities and values. TrainCheck and UMLAUT ask the same.
    """
    run = look(train, "coverage")
    parameters: list[dict[str, Any]] = list(run.fact("parameters") or ())
    findings = list(_wrong(run, parameters))
    worst = [one for one in findings if one.severity != "info"]
    if not worst:
        count = len(parameters)
        notes = f"all {count} do" if not findings else findings[0].message
        return passed("all do", notes, *findings)
    return failed("all do", worst[0].message, _WAY_OUT[worst[0].id], *findings)


_WAY_OUT = {
    "parameters-not-optimized": "give the optimizer model.parameters() of the model that is trained",
    "graph-cut": "take .detach(), .data, numpy() or no_grad out from between the layers",
    "weights-unchanged": "look at the learning rates of the optimizer's groups",
    "step-without-gradients": "call zero_grad, backward and step in this order",
    "optimizer-never-steps": "call optimizer.step() after each backward pass",
    "learning-rate-too-high": "lower the learning rate; see also what loss-gets-scores and inputs-scaled say",
    "saturated-units": "look at the scale of the inputs and of the weights, and at what the loss is given",
}


def _wrong(run: Run, parameters: list[dict[str, Any]]) -> Iterator[Finding]:
    if run.fact("given", True) and not run.last("calls.step", default=1):
        yield sick("optimizer-never-steps", "Backward passes ran, but no optimizer made a step.")
        return
    used = [one for one in parameters if one.get("called") is not None and one.get("requires_grad", True)]
    held = [one for one in used if one["optimizer"] is not None]
    empty = max((series.last for _, series in run.each("calls.empty")), default=0.0)
    if empty >= 2 and held:
        yield sick("step-without-gradients", f"{empty:.0f} of the first steps found no gradient: it is cleared between backward and step, or there was no backward pass.",
                   evidence=(Evidence("calls.empty", "0", 0, empty, "0"),), remedies=(ORDER,))  # fmt: skip
        return
    flat = max((series.last for _, series in run.each("calls.flat")), default=0.0)
    if flat >= 2 and held:
        yield _flat(flat, max(run.last("gradient.norm", one["name"], 0.0) for one in held) > 0)
        return
    if run.fact("given", True):
        yield from _not_held(used, held)
    cut = _cut(run, sorted(held, key=lambda one: one["called"]))
    if cut:
        yield sick("graph-cut", f"{listed(cut)} {'gets' if len(cut) == 1 else 'get'} no gradient, though later layers do.", where=cut[0],
                   evidence=(Evidence("gradient.norm", cut[0], 1, -1.0, "a gradient"),), remedies=(UNDETACH,))  # fmt: skip
    if run.last("lr", default=1.0) > 0:
        still = [
            one["name"]
            for one in held
            if run.last("update.zero", one["name"], 0.0) and run.last("gradient.norm", one["name"]) > 0
        ]
        if still and len(still) >= 0.5 * len(held):
            yield sick("weights-unchanged", f"{listed(still)} did not move in the first steps, though there is a gradient.", where=still[0],
                       evidence=(Evidence("update.zero", still[0], 1, 1.0, "0"),), remedies=(ALL_PARAMETERS,))  # fmt: skip


def _flat(steps: float, at_first: bool) -> Finding:
    """Gradients came, and were all exactly 0: flat outputs or units, from the start or since the first updates."""
    why = (
        "the first updates drove outputs or units to where they are flat"
        if at_first
        else "outputs or units are flat from the start"
    )
    return sick("learning-rate-too-high" if at_first else "saturated-units",
                f"{steps:.0f} of the first steps got gradients that are all exactly 0, though the loss is not: {why}.",
                evidence=(Evidence("calls.flat", "0", 0, steps, "0"),), remedies=(LOWER_LR,) if at_first else (STANDARDIZE, INIT_XAVIER))  # fmt: skip


def _not_held(used: list[dict[str, Any]], held: list[dict[str, Any]]) -> Iterator[Finding]:
    loose = [one["name"] for one in used if one["optimizer"] is None and not one["registered"]]
    if loose:
        yield sick("parameters-not-optimized", f"{len(loose)} parameters of layers in a plain list are unknown to the model and to the optimizer.",
                   where=loose[0], remedies=(MODULE_LIST, ALL_PARAMETERS))  # fmt: skip
    missing = [one for one in used if one["optimizer"] is None and one["registered"] and one.get("graded", True)]
    if not missing:
        return
    whole = _models(missing) - _models(held)
    apart = [
        one
        for one in missing
        if _models([one])
        and _models([one]) <= whole
        and held
        and one["called"] > min(other["called"] for other in held)
    ]
    if apart:
        names = [one["name"] for one in apart]
        yield sick("parameters-not-optimized", f"{listed(names)} belong to a model that no optimizer holds. (On purpose, where it only judges or reads out.)",
                   severity="info", where=names[0], remedies=(advice("Say so by requires_grad_(False)"),))  # fmt: skip
        missing = [one for one in missing if one not in apart]
    if not missing:
        return
    first_held = min((one["called"] for one in held), default=None)
    behind = first_held is not None and all(one["called"] < first_held for one in missing)
    body_frozen = behind and not any(one.get("fresh") for one in missing)
    names = [one["name"] for one in missing]
    message = f"{listed(names)} {'is' if len(names) == 1 else 'are'} trainable but held by no optimizer."
    if body_frozen:
        yield sick("parameters-not-optimized", f"{message} (On purpose, where only the last layers are trained.)", severity="info",
                   where=names[0], remedies=(advice("Say so by requires_grad_(False), which also saves their gradients"),))  # fmt: skip
    else:
        yield sick("parameters-not-optimized", message, where=names[0], remedies=(ALL_PARAMETERS,))


def _models(parameters: list[dict[str, Any]]) -> set[str]:
    """The models that parameters belong to: with several, their number stands before a slash."""
    return {one["name"].partition("/")[0] for one in parameters if "/" in one["name"]}


def _cut(run: Run, held: list[dict[str, Any]]) -> list[str]:
    """Parameters without a gradient in front of the first layer that gets one."""
    got = [one["called"] for one in held if run.last("gradient.norm", one["name"]) >= 0]
    if not got:
        return []
    return [one["name"] for one in held if run.last("gradient.norm", one["name"], 0.0) < 0 and one["called"] < min(got)]
