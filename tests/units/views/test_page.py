"""The report: one file, nothing from elsewhere, and text stays text."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from babysit.errors import OutputError
from babysit.record import Run, Store
from babysit.views.bundle import plotly_js
from babysit.views.page import embedded, palette_css, report
from tests.units.views.make import EVIL, findings, full_run, full_study


@pytest.fixture(scope="module")
def sick(tmp_path_factory):
    run = full_run(sick=True)
    verdict = SimpleNamespace(status="findings", findings=run.findings, reason="")
    return report(run, tmp_path_factory.mktemp("report") / "report.html", verdict=verdict).read_text(encoding="utf-8")


def record_in(page: str):
    return json.loads(re.search(r'id="record">(.*?)</script>', page, re.S).group(1))


def test_a_report_is_small_enough_to_send(sick):
    assert len(sick) < 3_500_000


def test_a_report_asks_nobody_for_anything(sick):
    outside = re.sub(r'id="(record|plotly)">.*?</script>', "", sick, flags=re.S)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", outside)
    assert "http://" not in outside
    assert "https://" not in outside
    assert "default-src 'none'" in outside


def test_a_report_holds_the_verdict_root_first(sick):
    verdict = record_in(sick)["heading"]["verdict"]
    assert verdict["words"] == "1 finding"
    root = verdict["findings"][0]
    assert root["id"] == "learning-rate-too-high"
    assert [one["id"] for one in root["explains"]] == ["dead-relu"]
    assert root["proof"] == ["loss 370 → 0.12, gone in 5 of 5"]
    limits = root["card"]["figure"]["layout"]["shapes"]
    assert any(one["y0"] == 6.9 for one in limits), "the limit is drawn into the measured series"


def test_text_can_not_leave_its_element(tmp_path):
    run = full_run(name=EVIL, depth=3)
    run.folder = tmp_path / EVIL.replace("/", "_")
    run.findings = findings(EVIL, 400, EVIL)
    page = report(run, tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 3
    assert "<img" not in page
    assert "\x1b" not in page


def test_what_is_embedded_comes_back():
    value = {"a": EVIL, "b": [1.5, None]}
    text = embedded(value)
    assert "<" not in text
    assert json.loads(text) == value


def test_the_study_of_a_run_is_shown_below_it(tmp_path):
    run = full_run()
    run.set_fact("study", full_study().to_dict())
    names = [one["name"] for one in record_in(report(run, tmp_path / "r.html").read_text())["cards"]]
    assert names.index("loss") < names.index("trials-as-they-come")


def test_a_panel_of_ones_own(tmp_path):
    from babysit.views.panel import Line, Panel

    def mine(run: Run):
        """Twice the loss."""
        return Panel("Twice the loss", [Line("x", run.series("loss.train").steps, run.series("loss.train").values * 2)])

    page = record_in(report(full_run(), tmp_path / "r.html", panels=[mine]).read_text())
    assert page["cards"][-1]["title"] == "Twice the loss"


def test_a_panel_that_fails_says_so_and_the_others_stand(tmp_path):
    def broken(run: Run):
        """Fails."""
        raise ZeroDivisionError("<b>no</b>")

    cards = record_in(report(full_run(), tmp_path / "r.html", panels=[broken]).read_text())["cards"]
    assert "ZeroDivisionError" in cards[-1]["note"]
    assert "loss" in [one["name"] for one in cards]


def test_a_report_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "file"
    target.write_text("kept")
    with pytest.raises(OutputError, match="must be writable"):
        report(full_run(steps=40), target / "report.html")
    assert target.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [target]


def test_the_command_writes_the_file_and_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    from babysit.cli.report import command

    store = Store(tmp_path / "run")
    for step in range(60):
        store.append(step, {("loss.train", ""): 2.3 - step / 40, ("update.ratio", "a.weight"): 1e-3})
    store.close()
    done = CliRunner().invoke(command, [str(store.folder), "--png", str(tmp_path / "p"), "--svg", str(tmp_path / "p")])
    assert done.exit_code == 0, done.output
    assert (store.folder / "report.html").is_file()
    assert {"loss.png", "loss.svg", "updates.png"} <= {path.name for path in (tmp_path / "p").iterdir()}


def test_the_command_writes_a_studys_report(tmp_path):
    from babysit.cli.report import command

    (tmp_path / "study.json").write_text(json.dumps(full_study().to_dict()))
    done = CliRunner().invoke(command, [str(tmp_path), "-o", str(tmp_path / "search.html")])
    assert done.exit_code == 0, done.output
    assert "trials-as-they-come" in [one["name"] for one in record_in((tmp_path / "search.html").read_text())["cards"]]


def test_a_folder_with_neither_is_a_clear_error(tmp_path):
    from babysit.errors import RecordError
    from babysit.views.source import open_record

    with pytest.raises(RecordError, match="has neither"):
        open_record(tmp_path)
    with pytest.raises(RecordError, match="nosuch is not there"):
        open_record(tmp_path / "nosuch")


def test_colours_are_told_for_light_and_dark():
    css = palette_css()
    assert "prefers-color-scheme:dark" in css
    assert "[data-theme=dark]" in css
    assert plotly_js().stat().st_size > 1_000_000
