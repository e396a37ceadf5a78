"""What a verdict comes to: roots with what they explain, and how long the run took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..record import Finding, Run
from .facts import items, mapping
from .words import plural


def folded(findings: Sequence[Finding]) -> list[tuple[Finding, list[Finding]]]:
    """Roots in the order given, each with everything that it explains, over several steps too.

    Examples:
        >>> chain = [Finding("a", "…"), Finding("b", "…", explained_by="a"), Finding("c", "…", explained_by="b")]
        >>> [(root.id, [one.id for one in rest]) for root, rest in folded(chain)]
        [('a', ['b', 'c'])]
    """
    roots = [one for one in findings if not explained(one, findings)]
    placed: list[tuple[Finding, list[Finding]]] = [(root, []) for root in roots]
    first = {root.id: consequences for root, consequences in reversed(placed)}
    for one in findings:
        if explained(one, findings):
            cause = _root_id(one, findings)
            first.get(cause, placed[0][1] if placed else []).append(one)
    if not placed and findings:  # every one is explained by another: a ring; show them all
        return [(one, []) for one in findings]
    return placed


def explained(finding: Finding, findings: Sequence[Finding]) -> bool:
    """Is its cause among the findings?"""
    return bool(finding.explained_by) and any(one.id == finding.explained_by for one in findings if one is not finding)


def _root_id(finding: Finding, findings: Sequence[Finding]) -> str:
    by_id = {one.id: one for one in reversed(findings)}
    seen = {finding.id}
    while finding.explained_by in by_id and finding.explained_by not in seen:
        finding = by_id[finding.explained_by]
        seen.add(finding.id)
    return finding.id


def counted(findings: Sequence[Finding]) -> str:
    """How many causes there are, and how many notes.

    Examples:
        >>> counted([Finding("a", "…"), Finding("b", "…", explained_by="a"), Finding("c", "…", severity="info")])
        '1 finding, 1 note'
    """
    roots = [one for one in findings if not explained(one, findings)] or list(findings)
    notes = sum(one.severity == "info" for one in roots)
    told = [plural(len(roots) - notes, "finding")] * (len(roots) > notes) + [plural(notes, "note")] * (notes > 0)
    return ", ".join(told) or "0 findings"


def span(run: Run) -> float:
    """Seconds from the first to the newest reading; 0 where that is unknown."""
    return max(0.0, run.seconds - run.begun) if run.begun is not None else 0.0


def newest(run: Run, what: str, tell: Callable[[float], str]) -> str:
    """A reading's newest value in words, with its step where that isn't the run's newest.

    Examples:
        >>> run = Run.of({"loss.train": [3.0, 2.0, 1.0]})
        >>> run.append(1, {("loss.val", ""): 2.5})
        >>> newest(run, "loss.train", str), newest(run, "loss.val", str)
        ('1.0', '2.5 at step 1')
    """
    series = run.series(what)
    late = len(series) and series.steps[-1] < run.step
    return tell(series.last) + (f" at step {int(series.steps[-1]):,}" if late else "")


def kept_proof(run: Run, finding: Finding) -> list[str]:
    """The proof of its remedy in words, where a cure that was recorded with the run confirmed this cause."""
    cure = mapping(run, "cure")
    return [str(one) for one in items(cure.get("proof"))] if cure.get("cause") == finding.id else []
