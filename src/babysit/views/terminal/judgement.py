"""A finding and a verdict in words: root causes first, what they explain folded under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ...record import Evidence, Finding, Run
from ..verdict import explained, folded, kept_proof, span
from ..words import clean, count, duration, number, plural, share
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
    place = " · ".join(clean(one, 120) for one in (finding.where, finding.source) if one)
    if place:
        title.append(f"   {place}", "cyan")
    yield title
    yield Padding(Text(clean(finding.message, 2000, lines=True)), (0, 0, 0, 2))
    for evidence in tuple(finding.evidence)[:4]:
        yield Padding(_evidence(evidence, run), (0, 0, 0, 2))
    for remedy in tuple(finding.remedies)[:3]:
        line = Text("→ ", "green")
        line.append(clean(remedy.title, 300), "default")
        yield Padding(line, (0, 0, 0, 2))
        if remedy.code:
            yield Padding(Text(clean(remedy.code, 800, lines=True), "bold"), (0, 0, 0, 6))
    for proof in kept_proof(run, finding) if run is not None else ():
        yield Padding(Text.assemble(("✔ proven  ", "green"), clean(proof, 400)), (0, 0, 0, 2))
    if explains:
        folded = Text("explains ", "dim")
        for index, one in enumerate(explains):
            where = f" ({clean(one.where, 60)})" if one.where else ""
            folded.append(f"{', ' if index else ''}{clean(one.id, 80)}{where}", "dim")
        yield Padding(folded, (0, 0, 0, 2))


def note_text(finding: Finding) -> Iterator[Any]:
    """What is worth a note and no more: its title, message, and what could be done; `babysit explain` tells the rest."""
    mark, style = MARKS["info"]
    where = f" of {clean(finding.where, 120)}" if finding.where else ""
    yield Text.assemble(
        (f"{mark} {clean(finding.id, 80)}", style),
        (f"{where}   a note, {share(round(finding.confidence, 2))} sure", "dim"),
    )
    yield Padding(Text(clean(finding.message, 2000, lines=True)), (0, 0, 0, 2))
    could = ", or ".join(clean(one.title, 300) for one in tuple(finding.remedies)[:2])
    if could:
        yield Padding(Text.assemble(("→ ", "green"), could), (0, 0, 0, 2))


def verdict_text(verdict: Any, run: Run | None = None) -> Iterator[Any]:
    """A verdict (`status`, `findings`, `reason`) as rich renderables."""
    findings = list(getattr(verdict, "findings", ()))
    status = getattr(verdict, "status", "findings" if findings else "healthy")
    reason = clean(getattr(verdict, "reason", "") or "", 1000)
    length = _length(run)
    if not [one for one in findings if one.severity != "info"] and status != "findings":
        mark, style = MARKS["healthy"] if status == "healthy" else ("?", "yellow")
        yield Text.assemble((f"{mark} {clean(status, 40)}", style), f"  {reason}" if reason else "", (length, "dim"))
    else:
        roots = [one for one in findings if not explained(one, findings)]
        yield Text.assemble((plural(len(roots), "finding"), "bold"), (length, "dim"))
        if reason:
            yield Text(reason)
    for root, consequences in folded(findings):
        yield Text("")
        short = root.severity == "info" and not consequences
        yield from note_text(root) if short else finding_text(root, run, explains=consequences)


def _evidence(evidence: Evidence, run: Run | None) -> Text:
    line = Text("· ", "dim")
    line.append(clean(evidence.what, 80), "dim")
    if evidence.where:
        line.append(f" of {clean(evidence.where, 80)}", "dim")
    if evidence.value is not None:
        line.append(f" {_value(evidence.value)}")
    if evidence.step is not None:
        line.append(f" at step {count(evidence.step)}", "dim")
    if evidence.expected:
        line.append(f", expected {clean(evidence.expected, 200)}", "dim")
    elif evidence.limit is not None:
        line.append(f", limit {number(evidence.limit)}", "dim")
    if run is not None:
        series = run.series(evidence.what, evidence.where or "")
        if len(series) > 1:
            line.append(f"  {spark(series.values, 24)}", "magenta")
    return line


def _value(value: float | str) -> str:
    return clean(value, 200) if isinstance(value, str) else number(float(value))


def _length(run: Run | None) -> str:
    if run is None or not run.step:
        return ""
    lasted = span(run)
    return f"  · {plural(run.step, 'step')}" + (f" in {duration(lasted)}" if lasted else "")
