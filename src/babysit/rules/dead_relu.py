"""Units that are never active."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run, Series
from ..record.apart import apart
from ..record.remedies import INIT_HE, LEAKY, LOWER_LR
from . import found, rule
from ._consequences import NO_SIGNAL, NOT_LEARNING
from ._network import activation_of, module, source
from ._progress import READS, grade, progress
from ._words import listed, percent


@rule(
    "activation.dead",
    "activation.zeros",
    "fact:modules",
    "lr",
    *READS,
    family="init",
    explains=(*NOT_LEARNING, *NO_SIGNAL, "saturated-units"),
)
def dead_relu(run: Run, *, limit: float = 0.4, most: float = 0.9) -> Iterator[Finding]:
    """Many ReLU units give zero for every example.

    Why it matters: where the output is zero the gradient is zero too, so the weights into such a unit never change again. A
    few dead units are normal; where a whole layer is dead, nothing passes.

    Usual causes: a learning rate too high (one large step pushes the bias far below zero), weights or a negative bias that
    start too large, inputs that are not centred.

    Told apart from: a sparse layer, whose units fire on some examples (elements may be zero, units not: at least 512
    examples are looked at); a run that learns well with the units that are left (an info).

    Args:
        run: reads `activation.dead`, the fraction of units (0..1) that gave zero for every one of the newest 512
            examples, for each ReLU.
        limit: fraction of dead units above which a layer is reported.
        most: fraction above which hardly anything passes.

    Examples:
        >>> sick = Run.of({"activation.dead": {"relu1": [0.1, 0.6, 0.92]}, "loss.train": [2.3] * 20})
        >>> [finding.message for finding in dead_relu(sick)]
        ['relu1: 92 % of the units are dead (limit 40 %): zero for every example, so no gradient reaches them. They died since step 1: a step was too large.']
        >>> list(dead_relu(Run.of({"activation.dead": {"relu1": [0.1, 0.1, 0.1]}, "loss.train": [2.3] * 20})))
        []

    Source:
        CS231n, Training Neural Networks I, activation functions: ReLU; Lu et al. 2019, Dying ReLU.
    """
    dead = {where: series for where, series in run.each("activation.dead") if len(series) and series.last > limit}
    dead |= {
        where: series
        for where, series in run.each("activation.zeros")
        if where not in dead and _silent(run, where, series)
    }
    if not dead:
        return
    worst = max(dead, key=lambda where: dead[where].last)
    series = dead[worst]
    share = series.last
    born = series.first > limit
    begin = next(int(step) for step, value in zip(series.steps, series.values, strict=True) if value > limit)
    now = progress(run)
    blocked = share >= most
    alive = not blocked and now.improving  # what is left of the layer carries the learning
    much, most_of = apart(share, limit, percent, 2)
    others = f" (also {listed([where for where in dead if where != worst])})" if len(dead) > 1 else ""
    yield found(
        severity="info" if alive else grade(run, "error" if blocked else "warning"),
        stage="suspect",
        confidence=0.1 if now.winning or alive else 0.8 if blocked else 0.5,
        step=begin,
        where=worst,
        source=source(run, "train"),
        message=f"{worst}: {much} of the units are dead (limit {most_of}): zero for every example, so no gradient reaches them{others}. "
        + (
            "They were dead when first looked at: initialization, bias or inputs."
            if born
            else f"They died since step {begin}: a step was too large."
        ),
        evidence=[
            Evidence("activation.dead", where, int(one.steps[-1]), one.last, f"< {limit:g}", limit)
            for where, one in list(dead.items())[:5]
        ],
        remedies=[INIT_HE, LOWER_LR, LEAKY] if born else [LOWER_LR, INIT_HE, LEAKY],
    )


def _silent(run: Run, where: str, series: Series, looks: int = 3) -> bool:
    """Did a whole ReLU layer give nothing but zeros at each of the newest looks? That needs no count of examples."""
    name = str(activation_of(module(run, where)).get("name") or module(run, where).get("kind", "")).lower()
    return "relu" in name and len(series) >= looks and bool((series.values[-looks:] >= 1.0).all())
