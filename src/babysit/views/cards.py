"""A panel, a finding and a whole record as the plain JSON that the page draws: all text, no markup."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..record import Finding, Run
from .evidence import evidence_panel
from .evidence import told as evidence_told
from .figure import figure
from .panel import ROLES, Images, Maker, Panel, Table, makers, panel
from .thin import Window, thin
from .verdict import counted, folded, kept_proof, newest, span
from .words import clean, count, duration, ending, number, share, whereabouts

SECTIONS = ((0, "Learning"), (40, "Inside the network"), (60, "Examples"), (70, "Machinery"), (80, "Setting"))
_STUDY_SECTIONS = ((0, "The search"), (60, "Trials"))


def card(
    one: Panel, *, width: int = 800, window: Window | None = None, order: int = 0, of: str = "run"
) -> dict[str, Any]:
    """One panel as JSON: texts, a Plotly figure, pictures or a table."""
    one = thin(one, width, window)
    drawn = [mark for mark in one.marks if not isinstance(mark, Images | Table)]
    made: dict[str, Any] = {
        "name": one.name, "title": clean(one.title, 120), "wide": one.wide, "height": one.height, "note": clean(one.note, 600),
        "values": [{"name": clean(v.name, 40), "text": clean(v.text, 80), "tone": ROLES.get(v.tone, v.tone)} for v in one.values],
        "spoken": clean(one.spoken, 400), "switch": one.y.switch, "log": one.y.log, "choices": list(one.choices),
        "choice": one.choice, "section": section(order, of),
    }  # fmt: skip
    if drawn:
        made["figure"] = figure(one.edit(marks=drawn), width=width)
    for mark in one.marks:
        if isinstance(mark, Images):
            made["pictures"] = [
                {"caption": clean(caption, 80), "source": _png(pixels)} for caption, pixels in mark.pictures
            ]
        if isinstance(mark, Table):
            made["table"] = {"header": [clean(cell, 80) for cell in mark.header],
                             "rows": [[clean(cell, 300) for cell in row] for row in mark.rows]}  # fmt: skip
    return made


def cards(
    record: Any, of: str = "run", extra: Iterable[Callable[..., Panel | None]] = (), *, width: int = 800
) -> list[dict[str, Any]]:
    """Every panel of a record that has something to show, each choice of a layer included."""
    found = []
    for maker in [*makers(of), *(one if isinstance(one, Maker) else panel()(one) for one in extra)]:
        whole = made_card(maker, record, width=width)
        if whole is None:
            continue
        if len(whole["choices"]) > 1:
            others = [made_card(maker, record, choice, width=width) for choice in whole["choices"][:24]]
            whole["all"] = {one["choice"]: one for one in others if one is not None}
        found.append(whole)
    return found


def made_card(
    maker: Maker, record: Any, choice: str = "", *, width: int = 800, window: Window | None = None
) -> dict[str, Any] | None:
    """One maker's card; None where it has nothing to show. A maker that fails gives a card that says so."""
    try:
        made = maker(record, choice)
        return None if made is None else card(made, width=width, window=window, order=maker.order, of=maker.of)
    except Exception as error:  # one panel, perhaps another package's, must not take the page with it
        failed = Panel(maker.name, (), note=f"This panel failed: {type(error).__name__}: {error}", name=maker.name)
        return card(failed, order=maker.order, of=maker.of)


def section(order: int, of: str = "run") -> str:
    """The heading that a panel stands under."""
    table = _STUDY_SECTIONS if of == "study" else SECTIONS
    return [name for start, name in table if order >= start][-1]


def heading(run: Run) -> dict[str, Any]:
    """A run's name, its state and its newest numbers in words."""
    ends, epochs = run.events_of("end"), run.events_of("epoch")
    facts = [f"{count(run.step)} steps"]
    if epochs:
        facts.append(f"epoch {clean(epochs[-1].detail.get('number', len(epochs)), 12)}")
    lasted = span(run)
    if lasted:
        facts.append(duration(lasted))
    if ends:
        facts.append(ending(ends[-1].detail)[1])
    elif run.written is not None and run.standing is not None:
        facts.append(whereabouts(run.standing, run.written.heard))
    return {"name": run_name(run), "facts": facts, "ended": bool(ends), "step": run.step, "spoken": spoken(run)}  # fmt: skip


def told(verdict: Any, run: Run) -> str:
    """Changes when the verdict has: what a page compares to know whether to ask for it again."""
    findings = list(getattr(verdict, "findings", None) or run.findings)
    words = [str(getattr(verdict, "status", "")), run.standing, *((one.id, one.where, one.stage) for one in findings)]
    return f"{zlib.crc32(repr(words).encode('utf-8', 'replace')):08x}"


def run_name(run: Run) -> str:
    """The folder's name."""
    return clean(Path(run.folder).name, 120) if run.folder else "run"


def spoken(run: Run) -> str:
    """The newest numbers in one sentence, for the ear."""
    words = [f"step {run.step:,}"]
    for what, name in (("loss.train", "loss"), ("loss.val", "validation loss")):
        if run.has(what):
            words.append(f"{name} {newest(run, what, number)}")
    if run.has("accuracy.val"):
        words.append(f"validation accuracy {newest(run, 'accuracy.val', share)}")
    return ", ".join(words)


def verdict_card(verdict: Any, run: Run | None) -> dict[str, Any]:
    """The verdict: root causes first, each with its figure, what they explain folded under them."""
    findings = list(getattr(verdict, "findings", None) or (run.findings if run is not None else ()))
    serious = [one for one in findings if one.severity != "info"]
    status = str(getattr(verdict, "status", "") or ("findings" if serious else "unknown"))
    words = {"healthy": "Healthy", "unknown": "No verdict yet"}.get(status, counted(findings))
    worst = min((one.severity for one in serious), key=("error", "warning").index, default="")
    return {"status": clean(status, 40), "words": words, "worst": worst, "reason": clean(getattr(verdict, "reason", "") or "", 1000),
            "findings": [finding_card(root, run, rest) for root, rest in folded(findings)]}  # fmt: skip


def finding_card(one: Finding, run: Run | None, explains: Sequence[Finding] = ()) -> dict[str, Any]:
    """A finding: what was measured, against what, its figure, what it means, what to change, the proof if it was cured."""
    drawn = evidence_panel(run, one) if run is not None else None
    proven = kept_proof(run, one) if run is not None else []
    return {
        "id": clean(one.id, 80), "severity": one.severity, "stage": one.stage, "sure": share(round(one.confidence, 2)),
        "step": one.step, "where": clean(one.where or "", 120), "source": clean(one.source or "", 200),
        "message": clean(one.message, 2000, lines=True), "why": clean(one.extra.get("why", ""), 1000),
        "evidence": [_evidence(each) for each in tuple(one.evidence)[:8]],
        "remedies": [{"title": clean(each.title, 300), "code": clean(each.code or "", 1000, lines=True)} for each in one.remedies],
        "proof": [clean(each, 400) for each in _proof(one) or proven],
        "explains": [{"id": clean(each.id, 80), "message": clean(each.message, 600, lines=True), "severity": each.severity} for each in explains],
        "card": card(drawn) if drawn is not None else None,
    }  # fmt: skip


def _evidence(one: Any) -> str:
    value, expected = evidence_told(one)
    parts = [clean(one.what, 80) + (f" of {clean(one.where, 80)}" if one.where else "") + (":" if value else ""), value,
             f"at step {one.step:,}" if one.step is not None else "",
             f"(expected {expected})" if expected else ""]  # fmt: skip
    return " ".join(part for part in parts if part)


def _proof(one: Finding) -> list[str]:
    """What a cure's trials came to, where there are any: text or {"words": …}."""
    proof = one.extra.get("proof") or ()
    return [
        str(each.get("words", "")) if isinstance(each, dict) else str(each)
        for each in ([proof] if isinstance(proof, str | dict) else proof)
    ]


def _png(pixels: np.ndarray) -> str:
    """Values 0..1 of shape (H, W) or (H, W, 3) as a PNG in a data URI."""
    from PIL import Image

    whole = (np.clip(np.nan_to_num(pixels), 0, 1) * 255).round().astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(whole).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
