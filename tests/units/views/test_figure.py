"""What plotly.js is told, where it would not do by itself what a reader needs."""

from __future__ import annotations

import numpy as np
import pytest

from babysit.record import Run
from babysit.views.figure import figure
from babysit.views.panel import STEPS, Axis, Limit, Line, Panel, makers

RATE = next(maker for maker in makers("run") if maker.name == "learning-rate")


def axis(panel: Panel) -> dict:
    return figure(panel)["layout"]["yaxis"]


@pytest.mark.parametrize("rate", [8.0, 0.05, 1e-3, 3e-5])
def test_a_rate_that_never_changes_is_read_off_its_axis(rate):
    made = axis(RATE(Run.of({"lr": [rate] * 40})))
    low, high = made["range"]
    assert low == 0
    assert high == 2 * rate
    assert dict(zip(made["ticktext"], made["tickvals"], strict=True))[f"{rate:.5g}".replace("e-0", "e-")] == rate


def test_what_changes_or_has_a_limit_elsewhere_is_left_to_the_figure():
    steps = range(3)
    for panel in (Panel("p", [Line("a", steps, [1.0, 1.0, 2.0])]), Panel("p", [Line("a", steps, [1.0] * 3)], limits=[Limit(4.0)])):  # fmt: skip
        assert "range" not in axis(panel)
        assert "tickvals" not in axis(panel)


@pytest.mark.parametrize(("y", "value", "expected"), [
    (Axis(share=True), 1.0, [0, 1.05]), (Axis(log=True), 1e-3, [-4, -2]), (Axis(), 0.0, [-1, 1]), (Axis(), -2.0, [-4, 0]),
])  # fmt: skip
def test_a_constant_lies_inside_of_its_axis(y, value, expected):
    made = axis(Panel("p", [Line("a", range(5), [value] * 5)], x=STEPS, y=y))
    assert made["range"] == pytest.approx(expected)
    assert value in [pytest.approx(one) for one in made["tickvals"]]


def test_scores_of_different_steps_are_told_with_their_steps():
    run = Run()
    for step, readings in (
        (10, {"accuracy.train": 0.5, "accuracy.val": 0.4}),
        (20, {"accuracy.train": 0.9}),
        (30, {"loss.train": 1.0}),
    ):
        run.append(step, {(what, ""): value for what, value in readings.items()})
    panel = next(maker for maker in makers("run") if maker.name == "score")(run)
    assert [(one.name, one.text) for one in panel.values] == [
        ("train", "90 % at step 20"), ("val", "40 % at step 10"), ("best val", "40 % at step 10"),
    ]  # fmt: skip
    assert panel.note == "The gap is 10 points."  # of step 10


@pytest.mark.parametrize(("counts", "told"), [
    ([[5, 0], [0, 5]], ["right"]), ([[5, 0], [1, 4]], ["right", "hardest"]), ([[5, 0], [0, 0]], ["right"]),
])  # fmt: skip
def test_no_class_is_hard_where_all_is_right(counts, told):
    run = Run()
    run.add_vector(1, "confusion", "", np.array(counts))
    panel = next(maker for maker in makers("run") if maker.name == "confusion")(run)
    assert [one.name for one in panel.values] == told


def made(name: str, record, of: str = "run") -> Panel:
    return next(maker for maker in makers(of) if maker.name == name)(record)


def test_no_dead_unit_is_seen_apart_from_nothing_measured():
    panel = made("dead-units", Run.of({"activation.dead": {"net.a": [0.0, 0.0], "net.b": [0.0, 0.0]}}))
    heat = figure(panel)["data"][0]
    assert heat["colorscale"][0] != [0, "@paper"]
    assert heat["y"] == ["a", "b"]
    assert panel.values[0].text == "0 %"


def test_a_colour_bar_has_no_more_ticks_than_room():
    readings = {f"{name}.weight": [10.0**-power for power in range(12)] for name in "ab"}
    panel = made("update-glance", Run.of({"update.ratio": readings}))
    ticks = figure(panel)["data"][0]["colorbar"]["tickvals"]
    assert 2 <= len(ticks) <= (panel.height - 80) // 20 + 1


def test_what_is_exactly_zero_has_no_colour_on_a_scale_of_decades_and_is_told():
    for values, note in (([1e-3, 0.0], "Empty where it is exactly 0."), ([1e-3, 1e-2], "")):
        readings = {"0.weight": values, "2.weight": [1e-3, 1e-3]}
        assert made("update-glance", Run.of({"update.ratio": readings})).note == note


def test_a_first_step_a_thousand_times_as_long_leaves_the_others_readable():
    run = Run.of({"time.step": [3.0, *[0.004] * 50]})
    assert axis(made("cost", run))["type"] == "log"
    assert axis(made("cost", Run.of({"time.step": [0.005, *[0.004] * 50]})))["range"][0] == 0


def test_a_recipe_alone_differs_from_nothing():
    trained, watched = Run.of({"loss.train": [1.0]}, facts={"recipe": {"lr": 0.1}}), Run.of({"loss.train": [2.0]})
    told = lambda runs: [row[0] for row in made("differences", runs, "runs").marks[0].rows]  # noqa: E731
    assert "lr" not in told({"a": trained, "b": watched})
    assert "lr" in told({"a": trained, "b": Run.of({"loss.train": [1.0]}, facts={"recipe": {"lr": 0.2}}), "c": watched})


def test_every_class_has_its_tick_and_epochs_are_whole():
    run = Run()
    run.add_vector(1, "confusion", "", np.eye(10))
    assert figure(made("confusion", run))["layout"]["xaxis"]["dtick"] == 1
    assert figure(Panel("p", [Line("a", [1, 2, 3], [1, 2, 3])], x=Axis("epoch")))["layout"]["xaxis"]["dtick"] == 1
    assert "dtick" not in figure(Panel("p", [Line("a", range(60), range(60))], x=Axis("epoch")))["layout"]["xaxis"]


def test_ticks_within_a_decade_are_written_out():
    ticks = axis(Panel("p", [Line("a", range(3), [2.0, 8.0, 30.0])], y=Axis(log=True)))
    told = dict(zip(ticks["tickvals"], ticks["ticktext"], strict=True))
    assert {2.0: "2", 5.0: "5", 10.0: "10", 20.0: "20"}.items() <= told.items()
