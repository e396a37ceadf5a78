"""Every panel: it says what it shows, survives anything that a run can hold, and is drawn by every surface."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from babysit.record import Run
from babysit.record.study import Study, Trial
from babysit.views.cards import card
from babysit.views.figure import figure
from babysit.views.panel import Panel, Table, makers
from babysit.views.thin import thin
from tests.units.views.make import EVIL, full_run, full_study

ALL = [maker for of in ("run", "study", "runs") for maker in makers(of)]
RECORDS = {"run": full_run(), "study": full_study(), "runs": {"a": full_run(), "b": full_run(sick=True, seed=1)}}


@pytest.fixture(params=ALL, ids=lambda maker: maker.name)
def maker(request):
    return request.param


def test_says_what_it_shows(maker):
    first = maker.page.partition("\n")[0]
    assert first.endswith((".", ":", "?")), f"{maker.name} needs a first line that ends a sentence: {first!r}"
    assert maker.reads or maker.of != "run", "a run's panel names what it reads"


def test_names_are_unique():
    assert len({maker.name for maker in ALL}) == len(ALL)


def test_shows_a_full_record(maker):
    made = maker(RECORDS[maker.of])
    assert isinstance(made, Panel), f"{maker.name} shows nothing of a record that has everything"
    assert made.title
    assert made.name == maker.name


def test_is_plain_json_within_bounds(maker):
    text = json.dumps(card(maker(RECORDS[maker.of]), width=800), allow_nan=False)
    assert len(text) < 400_000


def test_has_nothing_to_show_of_an_empty_record(maker):
    empty = {"run": Run(), "study": Study(space={}), "runs": {"a": Run(), "b": Run()}}[maker.of]
    made = maker(empty)
    assert made is None or any(isinstance(mark, Table) for mark in made.marks)


def test_survives_values_that_are_not_finite(maker):
    if maker.of == "study":
        trials = [
            Trial(n, {"lr": 10.0**-n, "wd": n}, score=math.nan if n % 2 else 0.5, curve=[math.nan, 0.5], epochs=2)
            for n in range(12)
        ]
        record = Study(space={}, trials=trials)
    else:
        readings = {
            (what, where): value
            for what in RECORDS["run"].whats()
            for where in RECORDS["run"].places(what)
            for value in [math.nan]
        }
        record = Run()
        for step, value in enumerate([math.nan, math.inf, -math.inf, 0.0, 1e308, -1e308, 5e-324]):
            record.append(step, dict.fromkeys(readings, value))
        for what in ("confusion", "weight.images", "worst.examples", "activation.histogram"):
            shape = {"confusion": (3, 3), "activation.histogram": (2, 8)}.get(what, (2, 3, 4, 4))
            record.add_vector(1, what, "x", np.full(shape, np.nan))
        record = {"a": record, "b": record} if maker.of == "runs" else record
    made = maker(record)
    if made is not None:
        json.dumps(card(made), allow_nan=False)


def test_survives_a_single_value(maker):
    if maker.of == "study":
        record = Study(space={}, trials=[Trial(0, {"lr": 0.1}, score=0.5, curve=[0.5], epochs=1)])
    else:
        run = Run.of({what: {where: [0.5] for where in RECORDS["run"].places(what)} for what in RECORDS["run"].whats()})
        record = {"a": run} if maker.of == "runs" else run
    made = maker(record)
    if made is not None:
        json.dumps(card(made), allow_nan=False)


def test_survives_facts_of_any_shape(maker):
    if maker.of != "run":
        pytest.skip("facts belong to runs")
    for value in (None, 1, "text", [], {}, [1, "a"], {"a": [1]}, [[1]], [None]):
        run = Run.of({"loss.train": [1.0]})
        for fact in (
            "recipe",
            "checks",
            "test",
            "classes",
            "worst",
            "range_test",
            "modules",
            "parameters",
            "machine",
            "cure",
        ):
            run.set_fact(fact, value)
        run.add_vector(1, "confusion", "", np.ones((3, 3)))
        made = maker(run)
        if made is not None:
            json.dumps(card(made), allow_nan=False)


def test_text_from_outside_is_escaped(maker):
    record = {
        "run": full_run(name=EVIL, depth=3),
        "study": full_study(text=EVIL),
        "runs": {EVIL: full_run(depth=3), "b": full_run(name=EVIL, depth=3)},
    }
    made = card(maker(record[maker.of]))
    whole = json.dumps(made, ensure_ascii=False)
    assert "\\u001b" not in whole
    assert "\u202e" not in whole
    drawn = json.dumps(made.get("figure", {}), ensure_ascii=False)
    assert "<img" not in drawn, "a figure's text is Plotly's markup: it must be escaped"
    assert "<b>" not in drawn


def test_thinning_changes_no_more_than_the_points(maker):
    made = maker(RECORDS[maker.of])
    assert thin(made, 200).title == made.title
    assert len(json.dumps(figure(made, width=200))) <= len(json.dumps(figure(made, width=1200))) + 2000


def test_is_drawn_as_a_picture(maker):
    pytest.importorskip("matplotlib")
    from babysit.views.picture import picture

    made = maker(RECORDS[maker.of])
    if not made.marks or any(isinstance(mark, Table) for mark in made.marks):
        pytest.skip("a table is text")
    assert picture(made, "png", dpi=40).startswith(b"\x89PNG")
    if maker.name in ("loss", "parallel"):
        assert b"<svg" in picture(made, "svg")
