"""The gradient's path is cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..record import Evidence, Finding, Run
from ..record.remedies import UNDETACH, advice
from . import found, rule
from ._consequences import NO_SIGNAL, NOT_LEARNING
from ._network import is_cut_off, modules, optimizers, order, parameters, source
from ._words import listed

REPARAMETERIZE = advice(
    "Draw the noise, and compute with it", "z = mean + std * torch.randn_like(std)  # or distribution.rsample()"
)
HOW = {
    "detach": ".detach() or .data",
    "no_grad": "torch.no_grad()",
    "numpy": "a step through numpy",
    "argmax": "argmax or a comparison",
    "unknown": "something",
    "sample": "a draw from a distribution",
    **dict.fromkeys(("round", "sign", "floor", "ceil", "trunc"), "rounding"),
}


@rule(
    "fact:graph_cuts",
    "fact:parameters",
    "fact:modules",
    "fact:optimizers",
    "fact:loops",
    "calls.backward",
    "calls.backward_elsewhere",
    "gradient.missing",
    family="coverage",
    explains=(*NOT_LEARNING, *NO_SIGNAL, "dead-relu", "parameters-not-optimized", "loss-term-dominates"),
)
def graph_cut(run: Run, *, least: int = 3) -> Iterator[Finding]:
    """The gradient's path is cut: layers that run never get a gradient.

    Why it matters: what lies before the cut never learns. It stays as it was initialized, and the rest has to make do.

    Where a layer gets what was drawn at random from a distribution that earlier layers set, those may learn from other terms of
    the loss, but never from what became of the draw.

    Usual causes: `torch.normal(mean, std)` or `.sample()` where `.rsample()` was meant, `.detach()`, `.data`, `.item()`, numpy or `torch.no_grad()` between layers; a tensor made anew from values;
    argmax in the middle.

    Told apart from: modules that are never called; cuts on purpose (target networks, moving averages, a frozen
    backbone), whose parameters no optimizer holds; parameters that don't require a gradient.

    Args:
        run: reads the fact `graph_cuts`: modules that ran in a trained forward and whose trainable parameters never
            got a gradient, though later ones did; and `calls.backward_elsewhere` of an optimizer that never found a gradient.
        least: consecutive steps of such an optimizer that are needed.

    Examples:
        >>> facts = {"graph_cuts": [{"after": "encoder", "before": "head", "why": "detach", "source": "net.py:20"}],
        ...          "parameters": [{"name": "encoder.weight", "module": "encoder", "requires_grad": True, "optimizer": "0.0"}]}
        >>> [finding.message for finding in graph_cut(Run.of(facts=facts))]
        ['No gradient reaches encoder: the path is cut by .detach() or .data after it, before head. Never trained: encoder.weight.']
        >>> list(graph_cut(Run.of(facts={"graph_cuts": []})))
        []
        >>> calls = {"calls.backward": {"0": [0.0] * 3}, "calls.backward_elsewhere": {"0": [1.0] * 3}, "gradient.missing": {"0": [1.0] * 3}}
        >>> [finding.id for finding in graph_cut(Run.of(calls))]
        ['graph-cut']

    Source:
        An exact fact (which parameters got a gradient).
    """
    for where in run.places("calls.backward_elsewhere"):
        if is_cut_off(run, where, least):
            yield _cut_off(run, where)
    for cut in run.fact("graph_cuts") or []:
        after = cut.get("after") or ""
        if cut.get("flat"):
            yield _drawn(cut)
            continue
        held = _held(run, after)
        if held is False:
            continue
        yield found(
            severity="error" if held else "info",
            stage="confirmed" if held else "suspect",
            confidence=0.95 if held else 0.3,
            where=after or None,
            source=cut.get("source") or source(run, "train"),
            message=f"No gradient reaches {after or 'the first layers'}: the path is cut by {HOW.get(cut.get('why') or '', 'something')} after it"
            + (f", before {cut['before']}." if cut.get("before") else ".")
            + (f" Never trained: {listed(held)}." if held else ""),
            evidence=[Evidence("gradient.norm", held[0] if held else None, value=None, expected="> 0")],
            remedies=[UNDETACH],
        )


def _cut_off(run: Run, where: str) -> Finding:
    """A whole network is cut off: a generator whose samples were detached before they were judged."""
    held = [one["name"] for one in parameters(run) if str(one.get("optimizer")).partition(".")[0] == where]
    own = next((one for one in optimizers(run) if str(one.get("index")) == where), {})
    series = run.series("calls.backward_elsewhere", where)
    return found(
        severity="error",
        stage="confirmed",
        confidence=0.97,
        step=int(series.steps[0]),
        where=held[0].rpartition(".")[0] if held else None,
        source=source(run, "step") if not own else own.get("source") or source(run, "step"),
        message="A backward pass comes before each step of an optimizer and reaches nothing that it holds: between its loss and its parameters "
        f"the path is cut (.detach(), .data or torch.no_grad()). Never trained: {listed(held) or 'all that it holds'}.",
        evidence=[Evidence("gradient.missing", where, int(series.steps[-1]), 1.0, "0")],
        remedies=[UNDETACH],
    )


def _drawn(cut: Any) -> Finding:
    return found(
        severity="error",
        stage="confirmed",
        confidence=0.9,
        where=cut.get("before") or None,
        source=cut.get("source"),
        message=f"What {cut.get('before')} gets was made of what {cut.get('after')} gave by {HOW.get(cut.get('why') or '', 'something')}, through which the gradient is 0: the "
        "layers before it learn nothing from what comes behind.",
        evidence=[Evidence("fact:graph_cuts", cut.get("before"), value=None, expected="a gradient")],
        remedies=[REPARAMETERIZE if cut.get("why") == "sample" else UNDETACH],
    )


def _held(run: Run, after: str) -> list[str] | bool | None:
    """Names of the parameters up to the cut that an optimizer holds; False when none does; None when unknown."""
    known: list[Any] = parameters(run)
    if not known:
        return None
    place = order(run)
    limit = place.get(after)
    if limit is None:
        inside = [
            one
            for one in known
            if (one.get("module") or "") == after or str(one.get("name", "")).startswith(f"{after}.")
        ]
    else:
        own = {after, *(one.get("name") for one in modules(run) if str(one.get("name", "")).startswith(f"{after}."))}
        inside = [one for one in known if one.get("module") in own]
    return [one["name"] for one in inside if one.get("optimizer") and one.get("requires_grad", True)] or False
