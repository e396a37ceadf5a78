"""Intervals, exact expectations and crossings, against other ways to the same numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from babysit.claims._statistics import best_of, first_below, interval, student

numbers = st.lists(st.integers(-10_000, 10_000).map(lambda one: one / 100), min_size=2, max_size=12)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 29, 30, 99])
def test_students_quantile_is_scipys(freedom):
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)
    assert student(freedom, 0.8) == pytest.approx(stats.t.ppf(0.9, freedom), rel=1e-9)


@given(numbers)
def test_the_interval_is_scipys(values):
    mean, low, high = interval(values)
    if np.ptp(values) == 0:
        assert mean == low == high == values[0]
    else:
        wanted = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        assert (low, high) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_ratios_are_judged_by_their_logarithms():
    values = [0.5, 2.0, 4.0, 8.0]
    mean, low, high = interval(values, ratio=True)
    assert mean == pytest.approx(stats.gmean(values))
    inverse = interval([1 / one for one in values], ratio=True)
    assert inverse == pytest.approx((1 / mean, 1 / high, 1 / low))


def test_it_covers_what_it_says():
    draw = np.random.default_rng(0)
    hits = sum(low <= 3.0 <= high for _, low, high in (interval(draw.normal(3.0, 2.0, 5)) for _ in range(2000)))
    assert 0.935 < hits / 2000 < 0.965


@pytest.mark.parametrize("broken", [math.inf, math.nan])
def test_what_is_not_finite_is_not_sure(broken):
    assert interval([1.0, 2.0, broken])[1:] == (-math.inf, math.inf)
    assert interval([1.0, 2.0, broken], ratio=True)[1:] == (0.0, math.inf)


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match="at least 2"):
        interval([1.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.data())
def test_the_expected_best_is_that_of_all_subsets(scores, data):
    count = data.draw(st.integers(1, len(scores)))
    wanted = np.mean([max(one) for one in itertools.combinations(scores, count)])
    assert best_of(scores, count) == pytest.approx(wanted, abs=1e-9)


def test_where_a_curve_first_lies_below():
    steps = np.array([0, 10, 20, 30])
    assert first_below(np.array([4.0, 2.0, 3.0, 0.0]), steps, 3.0) == 5.0
    assert first_below(np.array([4.0, 4.0, 4.0, 4.0]), steps, 3.0) == math.inf
    assert first_below(np.array([1.0, 4.0, 4.0, 4.0]), steps, 3.0) == 0.0
    assert first_below(np.array([4.0, math.nan, 1.0, 0.0]), steps, 2.0) == 20.0
