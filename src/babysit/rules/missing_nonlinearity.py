"""Linear layers with nothing between them."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import INSERT_RELU
from . import found, rule
from ._network import activation_of, modules
from ._progress import READS, progress
from ._words import listed


@rule(
    "fact:linear_pairs",
    *READS,
    family="init",
    explains=("underfitting", "loss-barely-changes", "outputs-not-zero-centred", "too-few-updates"),
)
def missing_nonlinearity(run: Run) -> Iterator[Finding]:
    """Layers are stacked with no nonlinearity between them: together they are one linear layer.

    Why it matters: a product of matrices is a matrix. However many such layers there are, the network can only draw straight
    boundaries.

    Usual causes: the activation function forgotten, or defined in `__init__` and not called in `forward`.

    Told apart from: factors of low rank, bottlenecks and projections that are linear on purpose: a few pairs in a network that
    has nonlinearities elsewhere are an info.

    Args:
        run: reads the fact `linear_pairs`: linear or convolutional layers whose output went straight into the next.

    Examples:
        >>> facts = {"linear_pairs": [["0", "1"], ["1", "2"]],
        ...          "modules": [{"name": name, "kind": "Linear", "parameters": [f"{name}.weight"]} for name in "012"]}
        >>> loss = {"loss.train": [2.3, 1.9] + [1.6] * 60, "loss.chance": [2.3] * 62}
        >>> [finding.message for finding in missing_nonlinearity(Run.of(loss, facts=facts))]
        ['Nothing nonlinear lies between 0 and 1 and 1 and 2: the whole network is one linear layer.']
        >>> list(missing_nonlinearity(Run.of(loss, facts={"linear_pairs": []})))
        []

    Source:
        An exact fact of the graph; CS231n, Neural Networks: "without the nonlinearity … a linear classifier".
    """
    pairs = run.fact("linear_pairs") or []
    if not pairs:
        return
    linear = {
        one["name"]
        for one in modules(run)
        if any(word in str(one.get("kind", "")).lower() for word in ("linear", "conv")) and not activation_of(one)
    }
    inside = {name for pair in pairs for name in pair}
    whole = (
        bool(linear)
        and linear <= inside
        and len(pairs) >= len(linear) - 1
        and not any(activation_of(one) and one is not modules(run)[-1] for one in modules(run)[:-1])
    )
    now = progress(run)
    harms = whole and not now.skill > 0.9
    yield found(
        severity="warning" if harms and now.readings >= 10 else "info",
        stage="confirmed" if whole else "suspect",
        confidence=0.8 if harms else 0.35 if not now.winning else 0.1,
        where=pairs[0][1],
        message=f"Nothing nonlinear lies between {listed([f'{first} and {second}' for first, second in pairs])}: "
        + ("the whole network is one linear layer." if whole else "together they are one linear layer."),
        evidence=[Evidence("fact:linear_pairs", pairs[0][0], value=float(len(pairs)), expected="0")],
        remedies=[INSERT_RELU],
    )
