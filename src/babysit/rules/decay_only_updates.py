"""Only weight decay moves a layer."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import NO_DECAY, advice
from . import found, rule
from ._network import parameter, recent
from ._progress import READS, grade
from ._words import listed, number

CAUSE = advice("Find out why no gradient arrives there: dead units, a cut path, an unused layer")


@rule("update.decay_cosine", "gradient.norm", *READS, family="symptom", explains=("loss-barely-changes",))
def decay_only_updates(run: Run, *, cosine: float = 0.99, least: int = 5) -> Iterator[Finding]:
    """Only weight decay moves a layer: it shrinks and learns nothing.

    Why it matters: a weight that gets no gradient but is decayed goes to zero, and what it held is lost.

    Usual causes: dead units, vanished gradients, a layer that the loss does not depend on.

    Told apart from: weight decay that is merely strong (then gradients are there), layers whose gradient is
    small because the run has converged.

    Args:
        run: reads `update.decay_cosine`, the cosine between the update and minus the weight, and `gradient.norm`.
        cosine: above it, the update is decay and nothing else.
        least: readings that are needed.

    Examples:
        >>> still = {"gradient.norm": {"0.weight": [0.0] * 20}, "loss.train": [2.3] * 20}
        >>> [finding.message for finding in decay_only_updates(Run.of({"update.decay_cosine": {"0.weight": [1.0] * 20}, **still}))]
        ['Only weight decay moves 0.weight: no gradient arrives there (0; elsewhere 0).']
        >>> list(decay_only_updates(Run.of({"update.decay_cosine": {"0.weight": [0.1] * 20}, **still})))
        []

    Source:
        The update of SGD with weight decay and no gradient is -lr·decay·w exactly.
    """
    gradients = recent(run, "gradient.norm", 5)
    sizes = sorted(value for value in gradients.values() if value > 0)
    usual = sizes[len(sizes) // 2] if sizes else 0.0
    only = [
        where for where, value in recent(run, "update.decay_cosine", 5).items()
        if value > cosine and len(run.series("update.decay_cosine", where)) >= least and gradients.get(where, 0.0) <= 1e-6 * usual
        and parameter(run, where).get("kind", "weight") == "weight"
    ]  # fmt: skip
    if not only:
        return
    yield found(
        severity=grade(run, "warning"),
        stage="symptom",
        confidence=0.3,
        where=parameter(run, only[0]).get("module") or only[0],
        message=f"Only weight decay moves {listed(only)}: no gradient arrives there ({number(gradients.get(only[0], 0.0))}; elsewhere {number(usual)}).",
        evidence=[Evidence("update.decay_cosine", only[0], run.step, 1.0, f"< {cosine:g}", cosine)],
        remedies=[CAUSE, NO_DECAY],
    )
