"""A cure in words: the cause, the proof, the change of the source, and what didn't help."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.syntax import Syntax
from rich.text import Text


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
    parts += [Text(f"  note: {note}", "dim") for note in cure.notes]
    return Group(*parts)


def _headline(title: str, style: str, more: str) -> Text:
    text = Text()
    text.append(f"● {title}", f"bold {style}")
    if more:
        text.append(f": {more}")
    return text


def _cured(cure: Any) -> list[Any]:
    best = cure.best
    cause = next((one for one in cure.findings if one.id == best.candidate.finding), None)
    title = f"{best.candidate.finding}, confirmed" if cause else "cured"
    parts: list[Any] = [_headline(title, "green", cause.message if cause else "the cause has no name here")]
    proof = Text("  remedy  ", "dim")
    proof.append(best.candidate.title, "bold")
    parts.append(proof)
    proof = Text("  proof   ", "dim")
    proof.append(best.words(cure.kind))
    parts.append(proof)
    if cure.diff:
        parts += [
            Text("  change", "dim"),
            Syntax(cure.diff.rstrip("\n"), "diff", theme="ansi_dark", background_color="default"),
        ]
    elif best.candidate.code:
        code = Text("  write   ", "dim")
        code.append(best.candidate.code.replace("\n", "\n          "), "cyan")
        parts.append(code)
    return parts


def _suspects(cure: Any) -> list[Text]:
    """What stays suspected; and what is so by an exact fact, though mending it brings no better score here."""
    found = [one for one in cure.findings if one.severity != "info" and not one.explained_by]
    return [line for one in found[:5] for line in _suspect(one)]


def _suspect(one: Any) -> list[Text]:
    sure = one.stage == "confirmed"
    lines = [Text(f"  {'confirmed' if sure else 'suspect'}  {one.id}: {one.message}")]
    if sure and one.remedies:
        lines.append(Text(f"    by itself wrong, whatever the score: {one.remedies[0].title}", "dim"))
    return lines


def _rest(cure: Any) -> list[Text]:
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
    lines = []
    if less:
        lines += [Text("  also helped, less or unproven", "dim"), *(Text(f"    {line}") for line in less[:5])]
    if ruled_out:
        lines.append(Text(f"  tried without effect: {'; '.join(ruled_out[:10])}", "dim"))
    return lines
