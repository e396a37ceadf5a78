"""A cure in words: the cause, the proof, the change of the source, and what didn't help."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.text import Text

from .hanging import Hanging


def cure_text(cure: Any) -> Group:
    """The whole result of `babysit cure`, for a rich console."""
    parts: list[Any] = []
    if cure.status == "healthy":
        parts.append(_headline("healthy, nothing to cure", "green", cure.reason))
    elif cure.status == "unknown":
        parts.append(_headline("nothing could be judged", "yellow", cure.reason))
    elif cure.status == "cured":
        parts += _cured(cure)
    else:
        parts.append(_headline("not cured", "red", cure.why_not))
        parts += _suspects(cure)
    parts += _rest(cure)
    parts += [_beside("  note: ", Text(note, "dim")) for note in cure.notes]
    return Group(*parts)


def _headline(title: str, style: str, more: str) -> Hanging:
    text = Text(title, f"bold {style}")
    if more:
        text.append(f": {more}", "not bold default")
    return _beside("● ", text, f"bold {style}")


def _beside(lead: str, text: Text, style: str = "dim", *, more: int = 0) -> Hanging:
    return Hanging(Text(lead, style), text, len(lead), more=more)


def _cured(cure: Any) -> list[Any]:
    best = cure.best
    cause = next((one for one in cure.findings if one.id == best.candidate.finding), None)
    title = f"{best.candidate.finding}, confirmed" if cause else "cured"
    parts: list[Any] = [_headline(title, "green", cause.message if cause else "the cause has no name here")]
    parts.append(_beside("  remedy  ", Text(best.candidate.title, "bold")))
    parts.append(_beside("  proof   ", Text(best.words(cure.kind))))
    if cure.diff:
        parts += [Text("  change", "dim"), *map(_changed, cure.diff.rstrip("\n").split("\n"))]
    elif best.candidate.code:
        parts.append(_beside("  write   ", Text(best.candidate.code, "cyan"), more=4))
    return parts


def _changed(line: str) -> Hanging:
    """A line of the change, in its colour; what goes on stands further in, after the sign."""
    style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
    return _beside(line[:1] or " ", Text(line[1:], style), style, more=8)


def _suspects(cure: Any) -> list[Hanging]:
    """What stays suspected; and what is so by an exact fact, though mending it brings no better score here."""
    found = [one for one in cure.findings if one.severity != "info" and not one.explained_by]
    return [line for one in found[:5] for line in _suspect(one)]


def _suspect(one: Any) -> list[Hanging]:
    sure = one.stage == "confirmed"
    lines = [_beside(f"  {'confirmed' if sure else 'suspect'}  ", Text(f"{one.id}: {one.message}"), "")]
    if sure and one.remedies:
        lines.append(_beside("    ", Text(f"by itself wrong, whatever the score: {one.remedies[0].title}", "dim")))
    return lines


def _rest(cure: Any) -> list[Any]:
    """What helped less, and what was ruled out."""
    best = cure.best
    base = cure.baseline.get(0, float("nan"))
    less, ruled_out = [], []
    for one in cure.tries:
        if one is best:
            continue
        score = one.scores.get(0)
        if score is not None and score - base >= 0.01:
            less.append(f"{one.candidate.title} ({base:.3f} → {score:.3f})")
        elif one.screened is not None and not one.screened.idle:
            ruled_out.append(one.candidate.title)
    lines: list[Any] = []
    if less:
        lines += [Text("  also helped, less or unproven", "dim"), *(_beside("    ", Text(line)) for line in less[:5])]
    if ruled_out:
        lines.append(Hanging(Text("  tried without effect", "dim"), Text("; ".join(ruled_out[:10]), "dim"), 4))
    return lines
