"""Units of a layer are copies of one another."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import INIT_HE, INIT_XAVIER, advice
from . import found, rule
from ._consequences import BAD_START, NO_SIGNAL, NOT_LEARNING
from ._network import parameter, parameters, weights
from ._progress import READS
from ._words import listed, percent

FACTORS = advice("Start the factors at small random numbers", "nn.init.normal_(embedding.weight, std=0.05)")


@rule(
    "weight.clones",
    "weight.columns_apart",
    "weight.norm",
    "gradient.norm",
    "gradient.total",
    "fact:parameters",
    *READS,
    family="init",
    explains=(
        *NOT_LEARNING,
        *NO_SIGNAL,
        *BAD_START,
        "init-scale",
        "dead-relu",
        "learning-rate-too-high",
        "updates-too-large",
        "loss-oscillates",
    ),
)
def symmetric_units(run: Run, *, limit: float = 0.5, least: int = 3) -> Iterator[Finding]:
    """The units of a layer are copies of one another, and stay so.

    Why it matters: units with equal weights give equal outputs and get equal gradients: they remain equal for ever, and a
    layer of a hundred units does the work of one. With all weights zero not even that is learned.

    The same holds of the factors of a table (an embedding, a factorization): where its columns start equal and what is made of
    them treats all alike, they stay equal, and k factors do the work of one.

    The same holds of two factors that are multiplied and both start at zero: the gradient of each is the other.

    Usual causes: weights or embeddings initialized to zero, or to a constant.

    Told apart from: a single layer that starts at zero on purpose (the last one, or the last of a residual branch, an
    adapter), whose units part with the first steps; tied weights.

    Args:
        run: reads `weight.clones`, the share of pairs of units whose weights point the same way, `weight.norm`, `weight.columns_apart`,
            and from the fact `parameters` which weights started constant.
        limit: share of pairs above which a layer is reported.
        least: steps after which units must have parted.

    Examples:
        >>> net = [{"name": f"{i}.weight", "kind": "weight", "module": str(i), "shape": [32, 32], "requires_grad": True,
        ...         "start": {"constant": True}} for i in (0, 2)]
        >>> sick = Run.of({"weight.clones": {"0.weight": [1.0] * 6, "2.weight": [1.0] * 6}}, facts={"parameters": net})
        >>> [finding.message for finding in symmetric_units(sick)]
        ['The units of 0.weight are copies of one another (100 % of the pairs, expected about 0): the weights started constant, so all units get the same gradient and never part.']
        >>> list(symmetric_units(Run.of({"weight.clones": {"0.weight": [0.0] * 6}}, facts={"parameters": net})))
        []

    Source:
        CS231n, Training Neural Networks I: weight initialization, W = 0. Exact by symmetry of the gradient.
    """
    ordered = [one["name"] for one in weights(run)]
    last = ordered[-1] if len(ordered) > 1 else None
    if tables := _equal_columns(run, least):
        yield _table(run, tables)
        return
    copies, exact, share = _dead_factors(run, least), True, 0.0
    factors = bool(copies)
    for where in dict.fromkeys([*run.places("weight.clones"), *(name for name in ordered if run.has("weight.norm"))]):
        facts = parameter(run, where)
        clones, norm = run.series("weight.clones", where), run.series("weight.norm", where)
        constant = bool((facts.get("start") or {}).get("constant"))
        zero = constant and len(norm) >= least and bool((norm.values[-least:] == 0).all())
        same = len(clones) >= least and clones.steps[-1] >= least and bool((clones.values[-least:] > limit).all())
        if (
            where == last
            or facts.get("tied_to")
            or not (zero or same)
            or facts.get("kind", "weight") != "weight"
            or facts.get("requires_grad") is False
        ):
            continue
        if where in copies:
            continue
        if not zero and not constant and clones.first <= limit:
            continue  # they began apart: what draws them together is another disease
        copies.append(where)
        exact = exact and constant
        share = max(share, clones.last if same else 1.0)
    if not copies:
        return
    yield found(
        severity="error" if exact else "warning",
        stage="confirmed" if exact else "suspect",
        confidence=0.95 if exact else 0.6,
        step=0,
        where=parameter(run, copies[0]).get("module") or copies[0],
        message=f"{listed(copies)} started at 0 and can't leave it: their gradients are exactly 0, each being a multiple of what is 0."
        if factors
        else f"The units of {listed(copies)} are copies of one another ({percent(share)} of the pairs, expected about 0)"
        + (
            ": the weights started constant, so all units get the same gradient and never part."
            if exact
            else " since the start."
        ),
        evidence=[
            Evidence("weight.norm", copies[0], run.step, 0.0, "> 0")
            if factors
            else Evidence("weight.clones", copies[0], run.step, share, "about 0", limit)
        ],
        remedies=[INIT_HE, INIT_XAVIER],
    )


def _equal_columns(run: Run, least: int, *, after: int = 20, rounding: float = 1e-3) -> list[str]:
    """Tables that started constant, whose rows have parted and whose columns have not."""
    found = []
    for where, series in run.each("weight.columns_apart"):
        facts = parameter(run, where)
        constant = bool((facts.get("start") or {}).get("constant"))
        told = len(series) >= least and series.steps[-1] >= after and bool((series.values[-least:] < rounding).all())
        if told and constant and facts.get("requires_grad", True) and not facts.get("tied_to"):
            found.append(where)
    return found


def _table(run: Run, tables: list[str]) -> Finding:
    width = parameter(run, tables[0]).get("shape", (0, 0))[-1]
    return found(
        severity="error",
        stage="confirmed",
        confidence=0.95,
        step=0,
        where=parameter(run, tables[0]).get("module") or tables[0],
        message=f"The columns of {listed(tables)} are copies of one another: they started constant, all get the same gradient and never part, "
        f"so that {width} factors do the work of one.",
        evidence=[
            Evidence(
                "weight.columns_apart", tables[0], run.step, run.last("weight.columns_apart", tables[0]), "about 1"
            )
        ],
        remedies=[FACTORS],
    )


def _dead_factors(run: Run, least: int) -> list[str]:
    """Embeddings that are 0 and stay 0, with gradients that are 0 too though others are not."""
    dead = []
    for one in parameters(run):
        norm, gradient = run.series("weight.norm", one["name"]), run.series("gradient.norm", one["name"])
        if one.get("kind") == "embedding" and len(norm) >= least and len(gradient) >= least:
            if (
                not norm.values[-least:].any()
                and not gradient.values[-least:].any()
                and run.last("gradient.total", "", 1.0) > 0
            ):
                dead.append(one["name"])
    return dead
