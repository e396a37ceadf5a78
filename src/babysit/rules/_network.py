"""What the facts say of the network: its layers in call order, its weights, its criterion, its optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..record import Run

Facts = Mapping[str, Any]
ADAPTIVE = ("adam", "adamw", "adamax", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "lion", "adafactor", "sparseadam", "rprop", "muon")  # fmt: skip


def modules(run: Run) -> list[Facts]:
    """The modules that are called, in order of first call."""
    return run.once(_modules, "fact:modules")


def _modules(run: Run) -> list[Facts]:
    return [one for one in run.fact("modules") or [] if one.get("calls", 1)]


def module(run: Run, name: str) -> Facts:
    """The facts of one module, empty when unknown."""
    return run.once(_by_name, "fact:modules").get(name, {})


def _by_name(run: Run) -> dict[str, Facts]:
    return {one.get("name", ""): one for one in run.fact("modules") or []}


def order(run: Run) -> dict[str, int]:
    """Position of every module in the order of first call."""
    return run.once(_order, "fact:modules")


def _order(run: Run) -> dict[str, int]:
    return {one.get("name", ""): index for index, one in enumerate(run.fact("modules") or [])}


def last_module(run: Run) -> Facts:
    """The last leaf module that is called, empty when unknown."""
    return run.once(_last_module, "fact:modules")


def _last_module(run: Run) -> Facts:
    called = modules(run)
    holders = {name.rpartition(".")[0] for name in (one.get("name", "") for one in called) if "." in name}
    leaves = [one for one in called if one.get("leaf", one.get("name") not in holders) and one.get("name")]
    return (leaves or called or [{}])[-1]


def activation_of(one: Facts) -> Facts:
    """What is known of a module's activation function, empty when it is none."""
    return one.get("activation") or {}


def normalizes(run: Run) -> bool:
    """Does the network hold a normalization layer?"""
    return any("norm" in str(one.get("kind", "")).lower() for one in modules(run))


def first_is(run: Run, *kinds: str) -> bool:
    """Is the first leaf of one of these kinds (a part of the class's name, lower case)?"""
    for one in modules(run):
        if one.get("parameters") or activation_of(one):
            return any(kind in str(one.get("kind", "")).lower() for kind in kinds)
    return False


def parameters(run: Run) -> list[Facts]:
    """The parameters, as facts."""
    return list(run.fact("parameters") or [])


def parameter(run: Run, name: str) -> Facts:
    """The facts of one parameter, empty when unknown."""
    return run.once(_parameters_by_name, "fact:parameters").get(name, {})


def _parameters_by_name(run: Run) -> dict[str, Facts]:
    return {one.get("name", ""): one for one in run.fact("parameters") or []}


def is_matrix(run: Run, where: str) -> bool:
    """Is this a weight with at least two axes that did not start as a constant? (Unknown counts as yes.)"""
    facts = parameter(run, where)
    if not facts:
        return not where.endswith("bias")
    started = facts.get("start") or {}
    return facts.get("kind", "weight") in ("weight", "embedding") and len(facts.get("shape", (1, 1))) >= 2 and not started.get("constant")  # fmt: skip


def weights(run: Run) -> list[Facts]:
    """Trainable weight matrices (no bias, norm, embedding) in call order, tied ones once."""
    return run.once(_weights, "fact:parameters", "fact:modules")


def _weights(run: Run) -> list[Facts]:
    place = order(run)
    kept = [
        one for one in run.fact("parameters") or []
        if one.get("kind") == "weight" and len(one.get("shape", ())) >= 2 and one.get("requires_grad", True) and not one.get("tied_to")
    ]  # fmt: skip
    return sorted(kept, key=lambda one: place.get(one.get("module") or "", 10**6))


def goes_on(run: Run, index: int) -> bool:
    """Does what the layer of this weight (its place in `weights`) gives go into a later one? Also where that is not known.

    Of several heads none does but the last, whatever the order in which they are called.
    """
    name, known = weights(run)[index].get("module") or "", run.once(_by_name, "fact:modules")
    for later in weights(run)[index + 1 :]:
        seen: set[str] = set()
        waiting = list(known.get(later.get("module") or "", {}).get("after") or [])
        if not waiting:
            return True
        while waiting:
            here = waiting.pop()
            if here == name:
                return True
            if here not in seen:
                seen.add(here)
                waiting += known.get(here, {}).get("after") or []
    return False


def fan_in(one: Facts) -> int:
    """Inputs of one unit of a weight of shape (out, in, …)."""
    return max(1, math.prod(one.get("shape", (1, 1))[1:]))


def criterion(run: Run) -> Facts:
    """The main criterion's facts, empty when unknown."""
    found = run.fact("criteria") or []
    return found[0] if found else {}


def kind_of_loss(run: Run) -> str:
    """The main criterion's class, lower case without "loss": "crossentropy", "mse", "" when unknown."""
    kind = str(criterion(run).get("kind", "")).lower().replace("_", "").replace("loss", "")
    return {"smoothl1": "smoothl1", "binarycrossentropy": "bce", "binarycrossentropywithlogits": "bcewithlogits"}.get(kind, kind)  # fmt: skip


NOT_NEGATIVE = ("crossentropy", "mse", "l1", "smoothl1", "huber", "bce", "bcewithlogits", "multimargin", "hingeembedding", "multilabelsoftmargin", "softmargin")  # fmt: skip
REGRESSION = ("mse", "l1", "smoothl1", "huber")


def optimizers(run: Run) -> list[Facts]:
    """The optimizers' facts."""
    return list(run.fact("optimizers") or [])


def holds_another_model(run: Run) -> bool:
    """Do gradients reach parameters, but none of those that optimizers hold? Then they hold another model's."""
    held = [run.series("gradient.norm", one["name"]).values for one in parameters(run) if one.get("optimizer")]
    others = [run.series("gradient.norm", one["name"]).values for one in parameters(run) if not one.get("optimizer")]
    never = bool(held) and all(len(one) and not (one > 0).any() for one in held)
    return never and any((one > 0).any() for one in others)


def is_cut_off(run: Run, where: str, least: int) -> bool:
    """Does a backward pass come before each step of this optimizer, and reach nothing that it holds?"""
    wanted = {"calls.backward": 0, "gradient.missing": 1}
    if any(
        len(series := run.series(what, where)) < least or (series.values[-least:] != value).any()
        for what, value in wanted.items()
    ):
        return False
    elsewhere = run.series("calls.backward_elsewhere", where)
    return len(elsewhere) >= least and bool((elsewhere.values[-least:] >= 1).all())


def adaptive(run: Run) -> bool:
    """Does the first optimizer rescale each element's gradient (Adam and its kin)?"""
    found = optimizers(run)
    return bool(found) and str(found[0].get("kind", "")).lower() in ADAPTIVE


def hyper(run: Run, name: str, default: float = math.nan) -> float:
    """The largest value of a hyperparameter over all groups of all optimizers."""
    values = [group[name] for one in optimizers(run) for group in one.get("groups", ()) if isinstance(group.get(name), int | float)]  # fmt: skip
    return float(max(values)) if values else default


def source(run: Run, what: str) -> str | None:
    """file:line of a part of the loop ("train", "step", "zero_grad", "val"), "criterion", "optimizer" or "model"."""
    if what == "criterion":
        return criterion(run).get("source")
    if what == "optimizer":
        return next((one.get("source") for one in optimizers(run)), None)
    return (run.fact("loops") or {}).get(what)


def recent(run: Run, what: str, count: int = 5, places: Iterator[str] | None = None) -> dict[str, float]:
    """Median of the newest `count` finite values of a reading at each place."""
    names = list(places if places is not None else run.places(what))
    tails = {where: run.tail(what, where, count) for where in names}
    whole = [where for where, values in tails.items() if len(values) == count]
    if whole:
        together = np.array([tails[where] for where in whole])
        good = np.isfinite(together).all(axis=1)
        medians = np.median(together[good], axis=1).tolist() if good.any() else []
        done = dict(zip([where for where, fine in zip(whole, good, strict=True) if fine], medians, strict=True))
    else:
        done = {}
    found = {}
    for where, values in tails.items():
        if where in done:
            found[where] = done[where]
        elif len(values := values[np.isfinite(values)]):
            found[where] = float(np.median(values))
    return found


def update_ratios(run: Run) -> dict[str, float]:
    """Median of the newest update ratios of every weight matrix that moves."""
    return run.once(_update_ratios)


def _update_ratios(run: Run) -> dict[str, float]:
    places = (where for where in run.places("update.ratio") if is_matrix(run, where))
    return {where: value for where, value in recent(run, "update.ratio", 20, places).items() if value > 0}


def epoch_length(run: Run) -> int | None:
    """Steps in a pass over the training data: known from the loader, else from how often validation comes."""
    length = (run.fact("epochs") or {}).get("length")
    if length:
        return int(length)
    apart = np.diff([0, *sorted({event.step for event in run.events_of("val")})])
    if len(apart) >= 3 and float(np.median(apart)) >= 5 and float(np.ptp(apart[:-1])) <= 1:
        return int(np.median(apart))
    return None
