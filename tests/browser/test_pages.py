"""The page and the report in a real browser: live, quiet, narrow, dark, reachable by keyboard, and text stays text."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest

from babysit.record import Finding, Remedy, Run, Store
from babysit.views.dashboard import serve
from babysit.views.page import report
from tests.browser.axe import violations
from tests.units.views.make import EVIL, findings, full_run, full_study
from tests.units.views.test_dashboard import store_run


def stored(run, folder) -> None:
    """A run written by hand, as its file."""
    store = Store(folder)
    for name, value in run.facts.items():
        store.set_fact(name, value)
    by_step: dict = {}
    for what in run.whats():
        for where, series in run.each(what):
            for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
                by_step.setdefault(step, {})[(what, where)] = value
    for step in sorted(by_step):
        store.append(step, by_step[step], 1e9 + step * 0.01)
    for what in ("confusion", "weight.images", "worst.examples", "activation.histogram"):
        for where in run.vector_places(what):
            for step, values in run.vectors(what, where):
                store.add_vector(step, what, where, values)
    for event in run.events:
        store.add_event(event)
    store.set_findings(run.findings)
    store.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    stored(full_run(), root / "digits-1")
    stored(full_run(sick=True), root / "sick-1")
    (root / "search-1").mkdir()
    (root / "search-1" / "study.json").write_text(json.dumps(full_study().to_dict()))
    (root / "broken-1").mkdir()
    (root / "broken-1" / "run.sqlite").write_bytes(b"no" * 900)
    evil = full_run(name=EVIL, depth=3)
    evil.findings = findings(EVIL, 400, EVIL)
    stored(evil, root / EVIL.replace("/", "_"))
    with serve(root, port=0) as page:
        yield page


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    run = full_run(sick=True)
    report(run, folder / "sick.html", verdict=SimpleNamespace(status="findings", findings=run.findings, reason=""))
    report(full_study(), folder / "study.html")
    return folder


def seen_whole(page) -> None:
    """Scroll through it, so that everything was visible once."""
    page.wait_for_timeout(300)
    y = 0
    while y < page.evaluate("document.documentElement.scrollHeight"):
        page.evaluate(f"scrollTo(0, {y})")
        page.wait_for_timeout(60)
        y += 800
    page.wait_for_timeout(400)


def drawn(page) -> list[str]:
    return page.evaluate(
        "[...document.querySelectorAll('.plot')].filter((one) => one.querySelector('.main-svg')).map((one) => one.closest('.card').dataset.name)"
    )


def until(page, condition: str, seconds: float = 15) -> None:
    """Wait until a condition holds (asked through the debugger: the page's own policy forbids evaluating text)."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        page.wait_for_timeout(50)


PLACES = ["#/", "#/run/digits-1", "#/run/sick-1", "#/study/search-1", "#/compare/digits-1/sick-1"]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
@pytest.mark.parametrize("place", PLACES)
def test_a_page_is_quiet_accessible_asks_nobody_else_and_fits(served, watched, place, width, scheme):
    one = watched(width, scheme)
    one.page.goto(f"{served.url}{place}")
    one.page.wait_for_selector(".card .main-svg, .list tbody tr")
    seen_whole(one.page)
    assert one.troubles == []
    assert one.hosts == {f"localhost:{served.port}"}
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width, "nothing runs out to the right"
    edges = "[...document.querySelectorAll('.plot .main-svg')].map((one) => one.getBoundingClientRect().right)"
    assert max([0, *one.page.evaluate(edges)]) <= width + 1
    assert violations(one.page) == []


@pytest.mark.parametrize("name", ["sick", "study"])
def test_a_report_is_quiet_accessible_and_asks_nobody(reports, watched, name):
    one = watched()
    one.page.goto(f"file://{reports}/{name}.html")
    one.page.wait_for_selector(".card .main-svg")
    seen_whole(one.page)
    assert one.troubles == []
    assert one.hosts == {""}, "a file asks no host"
    assert len(drawn(one.page)) >= 5
    assert violations(one.page) == []


def test_on_paper_every_figure_is_drawn_at_its_width_and_in_light_colours(reports, watched, tmp_path):
    one = watched(scheme="dark")
    one.page.goto(f"file://{reports}/sick.html")
    one.page.wait_for_selector(".card .main-svg")
    plots = one.page.locator(".plot").count()
    assert len(drawn(one.page)) < plots, "what is below the window isn't drawn before it is scrolled to"
    one.page.evaluate(
        "addEventListener('beforeprint', () => { globalThis.paper = getComputedStyle(document.body).color; })"
    )
    one.page.pdf(path=tmp_path / "r.pdf", prefer_css_page_size=True)
    assert len(drawn(one.page)) == plots
    assert one.page.evaluate("paper") != one.page.evaluate("getComputedStyle(document.body).color")
    last = "[...document.querySelectorAll('.plot .main-svg')].at(-1).getAttribute('width')"
    assert 200 < float(one.page.evaluate(last)) <= 690
    assert one.page.evaluate("document.documentElement.classList.contains('printing')") is False
    assert one.troubles == []


@pytest.mark.parametrize("width", [1280, 400])
def test_a_remedys_code_is_seen_whole(watched, tmp_path, width):
    code = "scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=steps // 20)  # and step it"
    run = Run.of({"loss.train": [0.7] * 60})
    run.findings = [Finding("a", "b", remedies=(Remedy("c", None, code),))]
    one = watched(width)
    one.page.goto(f"file://{report(run, tmp_path / 'r.html')}")
    one.page.wait_for_selector(".remedy pre")
    fits = "[...document.querySelectorAll('.remedy pre')].map((one) => [one.scrollWidth <= one.clientWidth, one.textContent])"
    assert one.page.evaluate(fits) == [[True, code]]


def test_every_panel_of_a_run_is_drawn(served, watched):
    one = watched()
    one.page.goto(f"{served.url}#/run/digits-1")
    one.page.wait_for_selector(".card .main-svg")
    seen_whole(one.page)
    seen_whole(one.page)
    names = one.page.evaluate(
        "[...document.querySelectorAll('.card')].filter((one) => !one.hidden).map((one) => one.dataset.name)"
    )
    assert {
        "loss",
        "score",
        "updates",
        "dead-units",
        "depth",
        "histograms",
        "first-weights",
        "confusion",
        "recipe",
    } <= set(names)
    assert {"loss", "score", "updates", "dead-units", "histograms", "confusion", "learning-rate"} <= set(
        drawn(one.page)
    )
    assert one.page.evaluate("document.querySelectorAll('.waiting:not([hidden])').length") == 0


def test_text_from_outside_does_nothing(served, watched, tmp_path):
    one = watched()
    one.page.goto(f"{served.url}#/")
    one.page.wait_for_selector(".list tbody tr a")
    one.page.get_by_role("link", name="onerror").first.click()
    one.page.wait_for_selector(".card .main-svg")
    seen_whole(one.page)
    assert one.troubles == []
    assert one.page.evaluate("document.querySelectorAll('img[src=\"x\"], main script, main b > b').length") == 0
    assert "<img src=x onerror=alert(1)>" in one.page.inner_text("main")
    run = full_run(name=EVIL, depth=3)
    run.findings = findings(EVIL, 400, EVIL)
    two = watched()
    two.page.goto(f"file://{report(run, tmp_path / 'r.html')}")
    two.page.wait_for_selector(".card .main-svg")
    seen_whole(two.page)
    assert two.troubles == []
    assert two.page.evaluate("document.querySelectorAll('img[src=\"x\"]').length") == 0


def test_a_training_is_followed_live_and_nothing_jumps(tmp_path, watched):
    store = Store(tmp_path / "live")
    for step in range(1, 50):
        store.append(step, {("loss.train", ""): 2.3 / step, ("update.ratio", "a.weight"): 1e-3, ("lr", ""): 0.1})
    store.flush()
    with serve(tmp_path, port=0) as served:
        one = watched()
        one.page.goto(f"{served.url}#/run/live")
        one.page.wait_for_selector("[data-name=loss] .main-svg")
        one.page.wait_for_timeout(500)
        place = "JSON.stringify([...document.querySelectorAll('.card')].map((one) => { const box = one.getBoundingClientRect(); return [one.dataset.name, box.top, box.height]; }))"
        before = one.page.evaluate(place)
        store.append(50, {("loss.train", ""): 7.77, ("update.ratio", "a.weight"): 1e-3, ("lr", ""): 0.1})
        until(one.page, "document.querySelector('[data-name=loss] .values').textContent.includes('7.77')")
        one.page.wait_for_timeout(300)
        assert one.page.evaluate(place) == before
        assert "50 steps" in one.page.inner_text("header .facts")
        store.append(51, {("loss.val", ""): 0.3, ("accuracy.val", ""): 0.91})
        one.page.wait_for_selector("[data-name=score] .plot")
        store.set_findings(findings("a", 51))
        one.page.wait_for_selector(".finding")
        assert "learning-rate-too-high" in one.page.inner_text(".verdict")
        assert one.troubles == []
    store.close()


def test_only_the_visible_is_asked_for(served, watched):
    one = watched()
    asked: list[str] = []
    one.page.on("request", lambda request: asked.append(request.url))
    one.page.goto(f"{served.url}#/run/digits-1")
    one.page.wait_for_selector("[data-name=loss] .main-svg")
    one.page.wait_for_timeout(800)
    wanted = "".join(url for url in asked if "/api/cards" in url)
    assert "panel=loss" in wanted
    assert "panel=environment" not in wanted


def test_zooming_asks_for_the_window_and_back(served, watched):
    one = watched()
    one.page.goto(f"{served.url}#/run/digits-1")
    one.page.wait_for_selector("[data-name=loss] .main-svg")
    box = one.page.locator("[data-name=loss] .nsewdrag").bounding_box()
    with one.page.expect_request(lambda request: "from=" in request.url) as asked:
        one.page.mouse.move(box["x"] + 100, box["y"] + 60)
        one.page.mouse.down()
        one.page.mouse.move(box["x"] + 300, box["y"] + 60, steps=5)
        one.page.mouse.up()
    assert "panel=loss" in asked.value.url
    back = one.page.locator("[data-name=loss] button", has_text="whole")
    back.wait_for(state="visible")
    back.click()
    back.wait_for(state="hidden")
    assert one.troubles == []


def test_the_scale_the_theme_and_the_layer_are_chosen_by_keyboard(served, watched):
    one = watched()
    one.page.goto(f"{served.url}#/run/digits-1")
    one.page.wait_for_selector("[data-name=loss] .main-svg")
    scale = one.page.locator("[data-name=loss] button", has_text="log")
    before = scale.get_attribute("aria-pressed")
    scale.focus()
    one.page.keyboard.press("Enter")
    until(
        one.page,
        f"document.querySelector('[data-name=loss] [aria-pressed]').getAttribute('aria-pressed') !== '{before}'",
    )
    one.page.locator("header button").focus()
    one.page.keyboard.press("Enter")
    assert one.page.evaluate("document.documentElement.dataset.theme") == "dark"
    seen_whole(one.page)
    select = one.page.locator("[data-name=histograms] select")
    select.focus()
    one.page.keyboard.press("ArrowDown")
    one.page.keyboard.press("Enter")
    until(one.page, "document.querySelector('[data-name=histograms] select').value.endsWith('layers.1')")
    reached = set()
    one.page.evaluate("scrollTo(0, 0); document.activeElement.blur()")
    for _ in range(12):
        one.page.keyboard.press("Tab")
        reached.add(one.page.evaluate("document.activeElement.tagName"))
    assert {"A", "BUTTON"} <= reached
    assert one.troubles == []


def test_what_never_changes_is_read_off_both_scales(tmp_path, watched):
    one = watched()
    one.page.goto(f"file://{report(Run.of({'loss.train': [0.7] * 60}), tmp_path / 'still.html')}")
    one.page.wait_for_selector("[data-name=loss] .main-svg")
    for _ in ("linear", "log"):
        line = one.page.locator("[data-name=loss] .js-line").last.bounding_box()
        tick = one.page.locator("[data-name=loss] .ytick text", has_text="0.7").bounding_box()
        assert abs(line["y"] + line["height"] / 2 - tick["y"] - tick["height"] / 2) < 4
        one.page.locator("[data-name=loss] button", has_text="log").click()
        one.page.wait_for_timeout(400)
    assert one.troubles == []


def test_runs_are_filtered_and_compared(served, watched):
    one = watched()
    one.page.goto(f"{served.url}#/")
    one.page.wait_for_selector(".list tbody tr")
    assert "damaged" in one.page.inner_text(".list")
    assert "1 damaged" in one.page.inner_text("header")
    one.page.fill("input[type=search]", "digits")
    assert one.page.locator(".list tbody tr").count() == 1
    one.page.fill("input[type=search]", "")
    one.page.get_by_label("compare digits-1").check()
    one.page.get_by_label("compare sick-1").check()
    one.page.get_by_role("button", name="compare").click()
    one.page.wait_for_selector("[data-name=compared-loss] .main-svg")
    assert one.page.inner_text("h1") == "Comparison"


def test_a_server_that_went_away_is_told(tmp_path, watched):
    store_run(tmp_path / "run")
    served = serve(tmp_path, port=0).start()
    one = watched()
    one.page.goto(f"{served.url}#/run/run")
    one.page.wait_for_selector("[data-name=loss] .main-svg")
    served.close()
    until(one.page, "document.querySelector('.lost').textContent.includes('lost')")


def test_values_are_spoken(served, watched):
    one = watched()
    one.page.goto(f"{served.url}#/run/digits-1")
    one.page.wait_for_selector("[data-name=loss] .main-svg")
    assert one.page.locator("#spoken").get_attribute("aria-live") == "polite"
    assert "validation accuracy 85 %" in one.page.inner_text("#spoken")
    assert one.page.locator("[data-name=loss] .plot").get_attribute("aria-label").startswith("Loss: train 0.")


def test_a_foreign_page_can_not_read_a_run(served, watched, tmp_path):
    (tmp_path / "evil.html").write_text(
        f"<script>fetch('{served.url}api/runs').then((a) => a.text()).then((t) => document.title = 'read ' + t, (e) => document.title = 'refused')</script>"
    )
    one = watched()
    one.page.goto(f"file://{tmp_path}/evil.html")
    until(one.page, "document.title")
    assert one.page.title() == "refused"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_the_page_of_claims_is_quiet_accessible_and_fits(watched, tmp_path, width, scheme):
    from babysit.claims import Material, find
    from babysit.claims._page import Occasion, write_page

    data = Material("iris")
    verdicts = [find(name)(data, quick=True) for name in ("maxout-generalizes-relu", "initial-loss-is-ln-k")]
    one = watched(width, scheme)
    one.page.goto(f"file://{write_page(tmp_path / 'lecture.html', verdicts, Occasion.now(1.0, True))}")
    assert one.page.locator("figure svg").count() == 2
    assert one.troubles == []
    assert one.hosts == {""}, "a file asks no host"
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(one.page) == []
