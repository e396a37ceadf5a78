"""Memory climbs with every step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._network import source
from ._words import number, percent

ITEM = advice("Keep numbers, not tensors", "losses.append(loss.item())  # total += loss.item()")


@rule(
    "memory.resident",
    "loss.graphs",
    "loss.graphs_marked",
    "loss.graphs_aside",
    "loss.graphs_aside_marked",
    "fact:loops",
    "step",
    family="calls",
)
def memory_grows(run: Run, *, graphs: int = 10, growth: float = 0.2, least: int = 100) -> Iterator[Finding]:
    """Memory climbs with every step: losses are kept together with their graphs.

    Why it matters: a loss tensor that is kept keeps everything that was computed for it. The run ends when the memory does.

    Usual causes: `total += loss`, `losses.append(loss)` without `.item()`, outputs or hidden states kept without `.detach()`.

    Told apart from: the growth of the first steps (caches, allocators), data that is cached as it is read (it stops
    after one pass), a loss that is kept on purpose for one more step.

    Args:
        run: reads `loss.graphs`, how many graphs of earlier steps are still held, of `loss.graphs_marked` that were looked
            at, the same of forwards that nothing was learned from (`loss.graphs_aside`), and `memory.resident`.
        graphs: number of such graphs that is too many, while it grows.
        growth: share by which memory must have grown after the first fifth of the run.
        least: steps that are needed to judge memory alone.

    Examples:
        >>> sick = Run.of({"loss.graphs": [float(step) for step in range(40)]})
        >>> [finding.message for finding in memory_grows(sick)]
        ['The graphs of 39 earlier steps that were looked at are still held (expected none): losses or outputs are kept together with all that they were computed from, and memory grows with every step.']
        >>> list(memory_grows(Run.of({"loss.graphs": [0.0, 1.0] * 20, "memory.resident": [1e9] * 40})))
        []

    Source:
        PyTorch's FAQ: "don't accumulate history across your training loop". Exact where graphs are counted.
    """
    for what in ("loss.graphs", "loss.graphs_aside"):
        kept = run.series(what)
        if (
            len(kept) >= 3
            and kept.last >= max(graphs, 0.5 * run.last(f"{what}_marked", "", 0.0))
            and bool((np.diff(kept.values[-3:]) >= 0).all())
            and kept.last > kept.values[len(kept) // 2]
        ):
            aside = " of evaluations with gradients on" if what.endswith("aside") else ""
            yield found(
                severity="warning",
                stage="confirmed",
                confidence=0.9,
                step=int(kept.steps[0]),
                source=source(run, "val" if aside else "train") or source(run, "train"),
                message=f"The graphs{aside} of {int(kept.last)} earlier steps that were looked at are still held (expected none): losses or outputs "
                "are kept together with all that they were computed from, and memory grows with every step.",
                evidence=[Evidence(what, "", int(kept.steps[-1]), kept.last, "0", float(graphs))],
                remedies=[ITEM],
            )
            return
    for where, series in run.each("memory.resident"):
        late = series.since(run.step // 5)
        if len(late) < 20 or run.step < least or not late.first > 0:
            continue
        grown = late.last / late.first - 1
        ranks = np.argsort(np.argsort(late.values))
        order = float(np.corrcoef(ranks, np.arange(len(late)))[0, 1]) if float(np.std(late.values)) > 0 else 0.0
        steady = late.last - float(late.values[len(late) // 2]) > 0.3 * (late.last - late.first)
        if grown > growth and order > 0.95 and steady:
            yield found(
                severity="info",
                stage="symptom",
                confidence=0.3,
                step=int(late.steps[0]),
                message=f"Memory of {where or 'the process'} has grown by {percent(grown)} since step {int(late.steps[0])}, to {number(late.last / 1e9)} GB, and goes on growing.",
                evidence=[
                    Evidence("memory.resident", where, int(late.steps[-1]), late.last, f"about {number(late.first)}")
                ],
                remedies=[ITEM],
            )
            return
