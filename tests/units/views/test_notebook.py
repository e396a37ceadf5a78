"""In a notebook: three forms of everything, and a display that is brought up to date in place."""

from __future__ import annotations

import base64
import json
import pickle
import sys
from types import ModuleType, SimpleNamespace

import pytest

from babysit.record import Run
from babysit.views.notebook import PLOTLY, LiveDisplay, bundle, in_notebook
from tests.units.views.make import EVIL, findings, full_run, full_study


@pytest.mark.parametrize("record", [full_run(), full_study()], ids=["run", "study"])
def test_a_record_shows_itself_in_three_forms(record):
    pytest.importorskip("matplotlib")
    made = bundle(record)
    assert set(made) == {"text/plain", PLOTLY, "image/png"}
    assert base64.b64decode(made["image/png"]).startswith(b"\x89PNG")
    assert '"@' not in json.dumps(made[PLOTLY], allow_nan=False), "colours are resolved: there is no page to do it"


def test_a_finding_shows_its_measured_series_with_the_limit():
    run = full_run(sick=True)
    made = bundle(run.findings[0], run)
    assert any(shape["y0"] == 6.9 for shape in made[PLOTLY]["layout"]["shapes"])
    assert set(bundle(run.findings[0])) == {"text/plain"}


def test_an_empty_run_is_text():
    assert set(bundle(Run())) == {"text/plain"}


def test_text_from_outside_stays_text():
    made = bundle(findings(EVIL, 400, EVIL)[0], full_run(name=EVIL, depth=2))
    assert "<img" not in json.dumps(made[PLOTLY])
    assert "\x1b" not in made["text/plain"]
    assert "text/html" not in made


def test_a_display_is_updated_in_place(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=lambda made, raw: shown.append(("update", made["text/plain"])))

    def display(made, raw, display_id):
        shown.append(("display", made["text/plain"]))
        return handle

    fake, inner = ModuleType("IPython"), ModuleType("IPython.display")
    inner.display = display
    fake.version_info, fake.get_ipython = (9, 0), lambda: None  # matplotlib asks for them, once in a process
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", inner)
    live = LiveDisplay(seconds=1000)
    run = Run.of({"loss.train": [2.3, 1.0]})
    live.update(run)
    live.update(run)
    run.append(2, {("loss.train", ""): 0.5})
    live.update(run, force=True)
    assert shown == [("display", "a run: step 1, loss 1"), ("update", "a run: step 2, loss 0.5")]


def test_a_display_that_fails_never_ends_a_training(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    LiveDisplay().update(Run.of({"loss.train": [2.3]}))
    assert not in_notebook()


@pytest.mark.parametrize(
    "record", [full_run(steps=60), full_study(30), findings("a", 9)[0]], ids=["Run", "Study", "Finding"]
)
def test_records_show_themselves(record):
    assert "text/plain" in record._repr_mimebundle_()


def test_a_finding_shows_itself_with_the_series_of_its_run():
    from babysit import diagnose

    losses = [2.3, 9.0, 80.0, 900.0] + [3000.0] * 60
    verdict = diagnose(
        Run.of({"loss.train": losses, "lr": [8.0] * len(losses)}, facts={"task": {"kind": "classes", "classes": 10}})
    )
    one = verdict.findings[0]
    assert PLOTLY in one._repr_mimebundle_()
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert again.run is None, "a run doesn't travel with its finding"
    assert "run" not in one.to_dict()


def test_what_changes_while_it_trains_has_no_picture_and_the_last_one_has():
    run = Run.of({"loss.train": [2.3, 1.0]})
    assert "image/png" not in bundle(run, png=False)
    assert "image/png" in bundle(run)
