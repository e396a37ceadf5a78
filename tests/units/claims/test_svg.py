"""Figures as SVG: well-formed, text stays text, nothing lies outside."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from babysit.claims._svg import Scale, _names, svg
from babysit.views.panel import Area, Axis, Band, Bars, Dots, Heat, Images, Limit, Line, Panel, Table, Value

X = np.linspace(1e-3, 10, 30)
PANELS = {
    "lines": Panel("a <b>", [Area("s", X, X, 2 * X), Line("one & two", X, X**2), Line("gap", X, np.where(X > 3, np.nan, X), style="dash")],
                   x=Axis("x", log=True), y=Axis("y", log=True), limits=[Limit(1.0, "bar <"), Limit(2.0, "at", "x")], bands=[Band(0.1, 1, "band", "x"), Band(1, 2)], values=[Value("v", "<1>")]),
    "dots": Panel("d", [Dots("d", X, X, X, label="l", share=True), Line("p", X, X, style="dots")], x=Axis(names=("a", "b"), low=-0.5, high=1.5)),
    "bars": Panel("b", [Bars(["a", "b<"], [0.5, float("nan")], share=True)]),
    "heat": Panel("h", [Heat(["r1", "r2"], [0.0, 1.0, 2.0], np.ones((2, 3)), "counts"), Table(("a",), [("b",)])]),
    "images": Panel("i", [Images([("one", np.zeros((4, 4))), ("two", np.ones((4, 4, 3)))])]),
    "constant": Panel("c", [Line("flat", [0.0, 1.0], [2.0, 2.0])]),
    "nothing finite": Panel("n", [Line("none", [0.0, 1.0], [np.nan, np.nan])]),
}  # fmt: skip


@pytest.mark.parametrize("standalone", [False, True])
@pytest.mark.parametrize("name", PANELS)
def test_it_is_well_formed_and_holds_no_foreign_markup(name, standalone):
    panel = PANELS[name]
    bars = any(isinstance(one, Bars) for one in panel.marks)
    text = svg(panel.edit(marks=[Bars(["a", "b<"], [0.5, 0.25])]) if bars else panel, standalone=standalone)
    tree = ET.fromstring(text)
    assert tree.get("viewBox")
    assert "nan" not in re.sub(r"<text.*?</text>", "", text)
    assert not [
        one
        for one in tree.iter()
        if one.tag.rpartition("}")[2]
        not in ("svg", "g", "path", "line", "rect", "text", "circle", "polygon", "clipPath", "image", "style")
    ]


def test_scales_are_linear_and_logarithmic():
    assert Scale(0, 10, 100, 200)(5) == 150
    assert Scale(1, 100, 0, 200, log=True)(10) == pytest.approx(100)
    assert not np.isfinite(Scale(1, 100, 0, 200, log=True)(0.0))


def test_names_at_the_ends_don_t_lie_on_one_another():
    panel = Panel("n", [Line(str(k), [0, 1], [1, 1 + k / 100]) for k in range(6)])
    found = [float(one) for one in re.findall(r'y="([\d.]+)"', _names(panel, Scale(0, 2, 300, 0), (50, 500, 300, 10)))]
    assert min(b - a for a, b in zip(sorted(found), sorted(found)[1:])) >= 14.9
    assert max(found) <= 304.1


def test_it_is_small():
    many = Panel("m", [Line("long", np.arange(100_000), np.sin(np.arange(100_000)))])
    assert len(svg(many)) < 10_000
