"""The paired comparison against an independent enumeration, and its limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.checker.proof import compare

SCORES = st.floats(-1, 1, allow_subnormal=False).map(lambda value: round(value, 6))


@given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=7))
def test_p_is_the_share_of_sign_patterns_at_least_as_large(pairs):
    before, after = np.array(pairs).T
    d = after - before
    signs = np.array(list(itertools.product([1, -1], repeat=len(d))))
    wanted = np.mean((signs * d).sum(1) >= d.sum() - 1e-9)
    found = compare(before.tolist(), after.tolist())
    assert found.p == pytest.approx(wanted)
    assert found.gain == pytest.approx(d.mean(), abs=1e-9)


@pytest.mark.parametrize(
    ("before", "after", "proven"),
    [
        ([0.1] * 5, [0.9] * 5, True),
        ([0.1] * 4, [0.9] * 4, False),  # too few seeds
        ([0.9] * 5, [0.905] * 5, False),  # sure, but less than a point
        ([0.1, 0.9, 0.1, 0.9, 0.5], [0.2, 1.0, 0.2, 1.0, 0.6], False),  # within the noise between seeds
        ([0.1] * 5, [0.9, 0.9, 0.9, 0.9, 0.05], False),  # one seed got worse
        ([0.9] * 5, [0.1] * 5, False),
    ],
)
def test_what_counts_as_proven(before, after, proven):
    assert compare(before, after).proven is proven


@given(st.lists(SCORES, min_size=5, max_size=6))
def test_nothing_is_proven_by_no_change(scores):
    assert not compare(scores, scores).proven
