"""Layers that are frozen though they look untrained."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import UNFREEZE
from . import found, rule
from ._consequences import NOT_LEARNING
from ._draws import never_trained
from ._network import modules, optimizers, parameters
from ._progress import READS, progress
from ._words import listed, percent


@rule("fact:parameters", "update.ratio", *READS, family="coverage", explains=NOT_LEARNING)
def frozen_by_mistake(run: Run, *, share: float = 0.05, least: int = 50) -> Iterator[Finding]:
    """Parameters are frozen (`requires_grad=False`) and the run does not learn.

    Why it matters: frozen layers keep what they hold. That is right for a pretrained backbone, and useless for
    layers that were never trained.

    Usual causes: a freeze that caught too much, `requires_grad_(False)` or `set_grad_enabled(False)` left from elsewhere.

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
