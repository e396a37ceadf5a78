"""Intervals, held against other people's formulas and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from babysit.trainer.final import bootstrap_r2, r2, wilson


@pytest.mark.parametrize(("right", "count"), [(351, 360), (0, 10), (10, 10), (1, 2), (500, 1000)])
def test_wilson_is_scipys(right, count):
    theirs = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right, count) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_the_bootstrap_interval_covers_the_true_r2_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    hits = 0
    for seed in range(60):
        x = random.normal(size=150)
        y = x + random.normal(size=150)  # R² of the outputs x is 0.5 in the long run
        low, high = bootstrap_r2(x, y, draws=300, seed=seed)
        hits += low <= 0.5 <= high
    assert 50 <= hits <= 60


def test_r2_of_the_mean_is_zero():
    targets = np.array([1.0, 2.0, 6.0])
    assert r2(np.full(3, 3.0), targets) == pytest.approx(0.0)
