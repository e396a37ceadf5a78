"""Layers that are frozen though they look untrained."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import UNFREEZE, advice
from . import found, rule
from ._consequences import NOT_LEARNING
from ._draws import never_trained
from ._network import modules, optimizers, parameters
from ._progress import READS, progress
from ._words import listed, percent

LOAD_ALL = advice(
    "Load with strict=True, and rename the keys until it passes",
    'weights = {name.removeprefix("encoder."): value for name, value in weights.items()}\nmodel.load_state_dict(weights)',
)


@rule("fact:parameters", "update.ratio", *READS, family="coverage", explains=NOT_LEARNING)
def frozen_by_mistake(run: Run, *, share: float = 0.05, least: int = 50) -> Iterator[Finding]:
    """Parameters are frozen (`requires_grad=False`) and the run does not learn.

    Why it matters: frozen layers keep what they hold. That is right for a pretrained backbone, and useless for
    layers that were never trained.

    Where weights were loaded and a frozen parameter got none (`strict=False`, and names that don't match), it is certain.

    Usual causes: names in a checkpoint that begin otherwise (`module.`, `encoder.`), loaded with `strict=False`; a freeze that caught too much, `requires_grad_(False)` or `set_grad_enabled(False)` left from elsewhere.

    Told apart from: fine-tuning with a frozen backbone, whose weights were trained (they are not as PyTorch draws them, or
    an optimizer has moved them before): an info at most where the run learns. Buffers kept as parameters, copies that
    follow another part of the network, and small parts are left out.

    Args:
        run: reads `requires_grad` and the start of every parameter, whether it ever moved (`update.ratio`), and whether
            the run learns.
        share: share of all values that must be frozen to matter.
        least: loss readings after which a run that does not learn is held against it.

    Examples:
        >>> facts = {"parameters": [{"name": "0.weight", "kind": "weight", "shape": [64, 64], "requires_grad": False, "optimizer": None},
        ...                         {"name": "2.bias", "kind": "bias", "shape": [10], "requires_grad": True, "optimizer": "0.0"}]}
        >>> sick = Run.of({"loss.train": [2.4] + [2.3] * 80, "loss.chance": [2.3] * 81}, facts=facts)
        >>> [finding.message for finding in frozen_by_mistake(sick)]
        ["100 % of the network's values are frozen (0.weight), and the run does not learn. Was that meant?"]
        >>> learns = Run.of({"loss.train": [2.3 * 0.95 ** step for step in range(80)], "loss.chance": [2.3] * 80}, facts=facts)
        >>> [finding.severity for finding in frozen_by_mistake(learns)]
        ['info']
        >>> facts["parameters"][0]["not_loaded"] = True
        >>> [finding.severity for finding in frozen_by_mistake(Run.of({"loss.train": [2.3] * 80, "loss.chance": [2.3] * 80}, facts=facts))]
        ['error']

    Source:
        An exact fact; whether it was meant is judged by the run.
    """
    called = {one.get("name") for one in modules(run)}
    known = [
        one
        for one in parameters(run)
        if one.get("kind", "weight") in ("weight", "embedding")
        and (not called or one.get("module") is None or one.get("module") in called)
    ]
    frozen = [one for one in known if one.get("requires_grad") is False]
    total = sum(_size(one) for one in parameters(run))
    part = sum(_size(one) for one in frozen) / max(1, total)
    if not frozen or part < share:
        return
    now = progress(run)
    bad = now.readings >= least and not now.learning
    fresh = (
        now.readings >= 10
        and never_trained(frozen)
        and not any(_moved(run, one) or _follows(one, known) for one in frozen)
    )
    without = [one["name"] for one in frozen if one.get("not_loaded")]
    if without:
        yield _not_loaded(without, part, winning=now.winning)
        return
    yield found(
        severity="warning" if bad or fresh else "info",
        stage="suspect",
        confidence=0.75 if fresh else 0.5 if bad else 0.05,
        where=frozen[0]["name"],
        message=f"{percent(part)} of the network's values are frozen ({listed([one['name'] for one in frozen])})"
        + (" though they are as PyTorch draws them: never trained" if fresh else "")
        + (", and the run does not learn. Was that meant?" if bad else ". Was that meant?" if fresh else "."),
        evidence=[Evidence("fact:parameters", frozen[0]["name"], value=part, expected="0, unless pretrained")],
        remedies=[UNFREEZE],
    )


def _not_loaded(names: list[str], part: float, *, winning: bool) -> Finding:
    return found(
        severity="warning" if winning else "error",
        stage="confirmed",
        confidence=0.95,
        where=names[0],
        message=f"{percent(part)} of the network's values are frozen, and when weights were loaded none was found for {listed(names)}: what is frozen was never trained.",
        evidence=[Evidence("fact:parameters", names[0], value=len(names), expected="0 missing keys")],
        remedies=[LOAD_ALL, UNFREEZE],
    )


def _moved(run: Run, one: dict) -> bool:
    """Was it trained before it was frozen?"""
    gone = one.get("optimizer") is not None and not any(
        str(other.get("index")) == str(one["optimizer"]).partition(".")[0] for other in optimizers(run)
    )
    return gone or len(run.series("update.ratio", one["name"])) > 0


def _follows(one: dict, known: list[dict]) -> bool:
    """Has a trainable part of the network the same weights, all of them (a target network, a moving average)?"""
    parts: dict[str, set[tuple[str, str]]] = {}
    for other in known:
        if other is one or other.get("requires_grad", True) or _top(other) == _top(one):
            parts.setdefault(_top(other), set()).add((str(other["name"]).partition(".")[2], str(other.get("shape"))))
    mine = parts.pop(_top(one))
    return len(mine) > 1 and any(mine <= part for part in parts.values())


def _top(one: dict) -> str:
    return str(one["name"]).partition(".")[0]


def _size(one: dict) -> int:
    size = 1
    for length in one.get("shape", ()):
        size *= int(length)
    return size
