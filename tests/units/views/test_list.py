"""The list of runs: what each line says, and what a page makes of what is stored."""

from __future__ import annotations

from types import SimpleNamespace

import httpx
import pytest

from babysit.record import Event, Finding, Store
from babysit.views.cards import heading, verdict_card
from babysit.views.dashboard import serve
from babysit.views.dashboard.library import Library


def stored(folder, end: dict | None = None, findings: list[Finding] | None = None, score: str = "accuracy.val") -> None:
    store = Store(folder)
    store.append(1, {("loss.train", ""): 2.3, (score, ""): 0.4}, 1.0)
    if end is not None:
        store.add_event(Event(1, "end", "", end))
    store.set_findings(findings or [])
    store.close()


def row(folder) -> dict:
    with serve(folder, port=0) as served:
        return httpx.get(f"{served.url}api/runs").json()["runs"][0]


@pytest.mark.parametrize(("end", "state", "words", "told"), [
    ({"reason": "finished"}, "ended", "ended", "ended"), ({"reason": "epochs"}, "ended", "ended", "ended: epochs"),
    ({"reason": "error", "error": "ValueError: <b>"}, "died", "exception", "ended by ValueError: <b>"),
    ({"reason": "exit", "code": 3}, "died", "exit code 3", "ended with exit code 3"),
    ({"reason": "exit", "code": 0}, "ended", "ended", "ended"),
    ({"reason": "interrupted"}, "ended", "Ctrl-C", "interrupted by Ctrl-C"),
])  # fmt: skip
def test_a_line_says_how_a_run_ended(tmp_path, end, state, words, told):
    stored(tmp_path / "a", end)
    line = row(tmp_path)
    assert (line["state"], line["words"], line["told"]) == (state, words, told)
    assert told in heading(Library(tmp_path).run("a").run)["facts"]


def test_a_line_tells_a_finding_from_a_note_and_an_r2_from_a_share(tmp_path):
    stored(
        tmp_path / "a", {"reason": "epochs"}, [Finding("dead-relu", "x"), Finding("outliers", "y", "info")], "r2.val"
    )
    line = row(tmp_path)
    assert line["findings"] == ["dead-relu", "outliers (a note)"]
    assert (line["words"], line["score"]) == ("warning", "0.4")


def test_a_run_with_nothing_but_notes_is_called_as_healthy_as_it_is(tmp_path):
    stored(tmp_path / "a", {"reason": "epochs"}, [Finding("outliers", "y", "info", extra={"why": "They cost most."})])
    judged = SimpleNamespace(status="healthy", findings=[], reason="it learns")
    opened = Library(tmp_path, judge=lambda run: judged).run("a")
    made = verdict_card(opened.verdict(), opened.run)
    assert (made["words"], made["reason"]) == ("Healthy", "it learns")
    assert made["findings"][0]["why"] == "They cost most."
