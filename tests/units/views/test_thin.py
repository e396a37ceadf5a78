"""Thinning keeps every spike and both ends, smoothing leaves no trace, a heat map keeps what is worst."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from babysit.views.panel import Line, Panel, StepHeat
from babysit.views.thin import grid, smooth, spikes, thin

VALUES = arrays.arrays(
    np.float64, st.integers(1, 400), elements=st.floats(-1e300, 1e300) | st.just(np.nan) | st.just(np.inf)
)


@given(VALUES, st.integers(1, 60))
def test_what_is_kept_holds_ends_and_extremes(y, width):
    x = np.arange(len(y)) * 3
    kept = spikes(x, y, width)
    assert np.all(np.diff(kept) > 0)
    assert (kept[0], kept[-1]) == (0, len(y) - 1)
    assert len(kept) <= 4 * width
    known = y[np.isfinite(y)]
    if len(known):
        assert {known.min(), known.max()} <= set(y[kept])


@given(st.integers(0, 9_999), st.integers(40, 900))
def test_no_spike_is_ever_lost(at, width):
    y = np.zeros(10_000)
    y[at] = 1.0
    assert at in spikes(np.arange(10_000), y, width)


@given(VALUES)
def test_each_pixel_column_keeps_its_own_range(y):
    x, width = np.arange(len(y)), 7
    kept = spikes(x, y, width)
    part = np.minimum((x * width) // max(1, len(y) - 1), width - 1) if len(y) > 4 * width else x
    for one in np.unique(part):
        inside = np.flatnonzero(part == one)
        known = inside[np.isfinite(y[inside])]
        if len(known) and len(y) > 4 * width:
            assert y[known].max() in y[np.intersect1d(kept, inside)]


def test_a_window_shows_every_step_and_one_beyond_each_edge():
    panel = Panel("x", [Line("x", np.arange(100_000), np.arange(100_000.0))])
    line = thin(panel, 300, (500, 600)).marks[0]
    assert line.x.tolist() == list(range(499, 602))


@given(VALUES)
def test_smoothing_matches_a_plain_mean(y):
    y = np.where(np.isfinite(y), np.clip(y, -1e6, 1e6), np.nan)
    x, got = smooth(np.arange(len(y)), y, share=0.1)
    half = max(1, int(len(y) * 0.1 / 2)) if len(y) > 2 else 0
    wanted = [y[max(0, i - half) : i + half + 1] for i in range(len(y))]
    wanted = [float(np.mean(one[np.isfinite(one)])) if np.isfinite(one).any() else np.nan for one in wanted]
    assert len(x) == len(got) == len(y)
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-6)


def test_an_explosion_leaves_no_trace_in_what_comes_after():
    y = np.ones(5000)
    y[100] = 1e20
    x, got = smooth(np.arange(5000), y)
    assert len(x) <= 1200
    np.testing.assert_allclose(got[x > 500], 1.0)


def test_a_heat_map_keeps_what_is_furthest_from_zero_and_holds_between_readings():
    steps, values = np.array([0, 10, 11, 12, 50]), np.array([0.1, 0.2, 0.9, 0.3, 0.5])
    cells = grid(steps, values, np.arange(0, 61, 10))
    np.testing.assert_array_equal(cells, [0.1, 0.9, 0.9, 0.9, 0.9, 0.5])
    assert np.isinf(grid(np.array([1]), np.array([np.nan]), np.array([0, 2]))).all()
    assert np.isnan(grid(np.array([5]), np.array([1.0]), np.array([0, 2]))).all()


def test_a_heat_map_of_many_layers_and_steps_becomes_a_few_hundred_columns():
    rng = np.random.default_rng(0)
    series = [(f"l{index}", np.arange(20_000), rng.random(20_000)) for index in range(50)]
    series[17][2][12_345] = 99.0
    heat = thin(Panel("x", [StepHeat(series)]), 900).marks[0]
    assert heat.cells.shape[0] == 50
    assert heat.cells.shape[1] <= 240
    assert heat.cells[17].max() == 99.0
