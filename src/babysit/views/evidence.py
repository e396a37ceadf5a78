"""A finding's own figure: the readings it rests on, with the limit drawn into them. No code per finding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..record import Evidence, Finding, Run
from .panel import STEPS, Axis, Limit, Line, Panel
from .words import beside, clean, number, tail

_SHARES = ("activation.dead", "activation.saturated", "activation.zeros", "accuracy", ".nonfinite", "batch_val.overlap")
MOST = 4


def evidence_panel(run: Run, finding: Finding) -> Panel | None:
    """The first reading that the finding rests on (all places of it, if it names several) and its limit."""
    kept = [one for one in finding.evidence if len(run.series(one.what, one.where or ""))]
    if not kept:
        return None
    first = kept[0]
    same = [one for one in kept if one.what == first.what][:MOST]
    lines = [_line(run, one) for one in same]
    if len(lines) == 1:
        lines = [replace(lines[0], label=False)]
    values = np.concatenate([line.y for line in lines])
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    limits = [Limit(one.limit, f"limit {number(one.limit)}") for one in same[:1] if one.limit is not None]
    shares = first.what.startswith(_SHARES) or first.what.endswith(_SHARES)
    reach = [*known.tolist(), *(limit.value for limit in limits)]
    log = not shares and min(reach) > 0 and max(reach) / 30 > min(reach)
    if finding.step and finding.step < run.step:
        limits.append(Limit(finding.step, f"found at step {finding.step:,}", "x", "note"))
    axis = Axis(log=log, share=shares, low=0.0 if shares else None)
    return Panel(
        clean(first.what + (f" of {first.where}" if len(lines) == 1 and first.where else ""), 90),
        lines,
        x=STEPS,
        y=axis,
        limits=limits,
        height=170,
        name=f"evidence-{clean(finding.id, 80)}",
    )


def told(evidence: Evidence) -> tuple[str, str]:
    """What was measured and what was expected, in words ("" where it isn't said) that differ where the two do."""
    value, expected = evidence.value, clean(evidence.expected or "", 200)
    if value is None or isinstance(value, str):
        return clean(value or "", 200), expected
    return beside(float(value), expected, evidence.limit)


def _line(run: Run, evidence: Evidence) -> Line:
    series = run.series(evidence.what, evidence.where or "")
    return Line(tail(evidence.where or evidence.what, 18), series.steps, series.values)
