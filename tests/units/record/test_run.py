"""The run: columns that grow, thin themselves, and come back as they were written."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from babysit.record import Event, Finding, Run
from babysit.record.finding import Evidence, Remedy


def test_a_run_written_by_hand_reads_back():
    run = Run.of({"loss.train": [2.0, 1.0], "activation.dead": {"relu1": [0.1], "relu2": [0.2]}}, steps=[5, 9])
    assert run.series("loss.train").steps.tolist() == [5, 9]
    assert run.series("loss.train").last == 1.0
    assert run.places("activation.dead") == ["relu1", "relu2"]
    assert run.step == 9
    assert math.isnan(run.series("nothing").last)
    assert run.last("nothing", default=3.0) == 3.0
    assert len(run.series("nothing")) == 0


def test_since_cuts_at_a_step():
    series = Run.of({"x": [1.0, 2.0, 3.0]}, steps=[1, 5, 9]).series("x")
    assert series.since(5).values.tolist() == [2.0, 3.0]
    assert series.since(6).values.tolist() == [3.0]
    assert series.tail(2).tolist() == [2.0, 3.0]


@given(st.integers(1, 3000), st.integers(4, 64))
def test_thinning_keeps_the_start_the_order_and_all_of_the_newest(count, keep):
    run = Run(keep=keep)
    for step in range(count):
        run.append(step, {("x", ""): float(step)})
    series = run.series("x")
    assert len(series) <= keep
    assert series.first == 0.0
    assert series.last == count - 1
    assert np.all(np.diff(series.steps) > 0)
    assert np.array_equal(series.steps, series.values)
    newest = min(count, keep // 2)
    assert series.tail(newest).tolist() == [float(step) for step in range(count - newest, count)]


def test_a_series_is_made_once_until_it_grows():
    run = Run.of({"x": [1.0]})
    assert run.series("x") is run.series("x")
    before = run.series("x")
    run.append(1, {("x", ""): 2.0})
    assert run.series("x").last == 2.0
    assert before.last == 1.0


def test_changed_tells_when_a_reading_last_grew():
    run = Run.of({"x": [1.0]})
    seen = run.changed("x")
    run.append(1, {("y", ""): 2.0})
    assert run.changed("x") == seen
    assert run.changed("y") > seen


def test_a_finding_survives_its_json():
    finding = Finding(
        "dead-relu", "relu1: 90 % dead", "error", "suspect", 0.9, 12, "relu1", "train.py:3",
        (Evidence("activation.dead", "relu1", 12, 0.9, "below 0.4", 0.4),),
        (Remedy("a lower rate", {"lr": "*0.1"}, "lr=1e-3"),),
    )  # fmt: skip
    assert Finding.from_dict(finding.to_dict()) == finding


def test_events_by_kind():
    run = Run.of(events=[Event(1, "epoch"), Event(2, "val"), Event(3, "epoch")])
    assert [event.step for event in run.events_of("epoch")] == [1, 3]
