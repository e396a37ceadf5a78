"""A finding and a verdict in words: root causes first, what they explain folded under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from ...record import Evidence, Finding, Run
from ..evidence import told
from ..verdict import counted, folded, kept_proof, span
from ..words import clean, count, duration, number, plural, share
from .hanging import Hanging
from .spark import spark

MARKS = {"error": ("✖", "bold red"), "warning": ("▲", "yellow"), "info": ("●", "blue"), "healthy": ("✔", "green")}
RANK = {"error": 0, "warning": 1, "info": 2}


def console(stream: IO[str] | None = None) -> Console:
    """Where results go: no markup, no emoji, no highlighting, so that text stays text."""
    return Console(file=stream, stderr=stream is None, markup=False, emoji=False, highlight=False, soft_wrap=False)


def finding_text(finding: Finding, run: Run | None = None, *, explains: Sequence[Finding] = ()) -> Iterator[Any]:
    """One finding as rich renderables: title, message, evidence with its curve, what to change, what it explains."""
    mark, style = MARKS.get(finding.severity, MARKS["info"])
    title = Text()
    title.append(f"{mark} {clean(finding.id, 80)}", style)
    sure = (
        f"{finding.stage}, {share(round(finding.confidence, 2))} sure" if finding.stage != "confirmed" else "confirmed"
    )
    title.append(f"   {sure}, step {count(finding.step)}", "dim")
    yield title
    place = " · ".join(clean(one, 120) for one in (finding.where, finding.source) if one)
    if place:
        yield _beside("  ", "", Text(place, "cyan"))
    yield _beside("  ", "", Text(clean(finding.message, 2000, lines=True)))
    for evidence in tuple(finding.evidence)[:4]:
        yield _beside("  · ", "dim", _evidence(evidence, run))
    for remedy in tuple(finding.remedies)[:3]:
        yield _beside("  → ", "green", Text(clean(remedy.title, 300)))
        if remedy.code:
            yield _beside("      ", "", Text(clean(remedy.code, 800, lines=True), "bold"), more=4)
    for proof in kept_proof(run, finding) if run is not None else ():
        yield _beside("  ✔ proven  ", "green", Text(clean(proof, 400)))
    if explains:
        folded = Text(style="dim")
        for index, one in enumerate(explains):
            where = f" ({clean(one.where, 60)})" if one.where else ""
            folded.append(f"{', ' if index else ''}{clean(one.id, 80)}{where}")
        yield _beside("  explains ", "dim", folded)


def _beside(lead: str, style: str, text: Text, *, more: int = 0) -> Hanging:
    return Hanging(Text(lead, style), text, len(lead), more=more)


def note_text(finding: Finding) -> Iterator[Any]:
    """What is worth a note and no more: its title, message, and what could be done; `babysit explain` tells the rest."""
    mark, style = MARKS["info"]
    where = f" of {clean(finding.where, 120)}" if finding.where else ""
    yield Text.assemble(
        (f"{mark} {clean(finding.id, 80)}", style),
        (f"{where}   a note, {share(round(finding.confidence, 2))} sure", "dim"),
    )
    yield _beside("  ", "", Text(clean(finding.message, 2000, lines=True)))
    could = ", or ".join(_within(clean(one.title, 300), at) for at, one in enumerate(finding.remedies[:2]))
    if could:
        yield _beside("  → ", "green", Text(could))


def _within(title: str, at: int) -> str:
    """A title within a sentence: only what stands first, and names in capitals, keep theirs."""
    return title[:1].lower() + title[1:] if at and title[1:2].islower() else title


def verdict_text(verdict: Any, run: Run | None = None) -> Iterator[Any]:
    """A verdict (`status`, `findings`, `reason`) as rich renderables."""
    findings = list(getattr(verdict, "findings", ()))
    status = getattr(verdict, "status", "findings" if findings else "healthy")
    reason = clean(getattr(verdict, "reason", "") or "", 1000)
    length = _length(run, reason)
    if not [one for one in findings if one.severity != "info"] and status != "findings":
        mark, style = MARKS["healthy"] if status == "healthy" else ("?", "yellow")
        told = Text.assemble((clean(status, 40), style), f"  {reason}" if reason else "", (length, "dim"))
        yield _beside(f"{mark} ", style, told)
    else:
        yield Text.assemble((counted(findings), "bold"), (length, "dim"))
        if reason:
            yield Text(reason)
    for root, consequences in folded(findings):
        yield Text("")
        short = root.severity == "info" and not consequences
        yield from note_text(root) if short else finding_text(root, run, explains=consequences)


def _evidence(evidence: Evidence, run: Run | None) -> Text:
    line = Text(clean(evidence.what, 80), "dim")
    if evidence.where:
        line.append(f" of {clean(evidence.where, 80)}", "dim")
    value, expected = told(evidence)
    line.append(f" {value}" if value else "")
    if evidence.step is not None:
        line.append(f" at step {count(evidence.step)}", "dim")
    if expected:
        line.append(f", expected {expected}", "dim")
    elif evidence.limit is not None:
        line.append(f", limit {number(evidence.limit)}", "dim")
    if run is not None:
        series = run.series(evidence.what, evidence.where or "")
        if len(series) > 1:
            line.append(f"  {spark(series.values, 24)}", "magenta")
    return line


def _length(run: Run | None, said: str = "") -> str:
    """How long it was; the steps only where what was `said` leaves them out."""
    if run is None or not run.step:
        return ""
    lasted = f"in {duration(span(run))}" if span(run) else ""
    steps = "" if f"{run.step} steps" in said else plural(run.step, "step")
    told = " ".join(one for one in (steps, lasted) if one)
    return f"  · {told}" if told else ""
