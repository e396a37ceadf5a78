"""How a criterion judges, and what several settings come to together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.claims import Criterion
from babysit.claims._verdict import settings_of, together


@pytest.mark.parametrize(
    ("values", "verdict"),
    [([5.0, 5.1, 5.2], "holds"), ([0.0, 0.1, 0.2], "does-not-hold"), ([0.9, 1.0, 1.1], "depends"), ([1.0, 1.0, 1.0], "does-not-hold"), ([2.0, math.nan, 2.0], "depends")],
)  # fmt: skip
def test_judging_by_a_lower_bound(values, verdict):
    assert Criterion("x", low=1.0).judge(values)[0] == verdict


def test_exactly_means_every_seed():
    exactly = Criterion("x", low=2.0, high=2.0)
    assert exactly.judge([2.0, 2.0])[0] == "holds"
    assert exactly.judge([2.0, 2.0001])[0] != "holds"
    assert exactly.judge([3.0, 3.0])[0] == "does-not-hold"


NORMAL = st.floats(-10, 10, allow_subnormal=False)  # the mean of 0 and the smallest number is rounded to one of them


@given(st.lists(NORMAL, min_size=2, max_size=8), st.floats(-5, 5, allow_subnormal=False))
def test_what_holds_fails_on_the_other_side(values, bar):
    above, below = Criterion("x", low=bar).judge(values)[0], Criterion("x", high=bar).judge(values)[0]
    pairs = {("holds", "does-not-hold"), ("does-not-hold", "holds"), ("depends", "depends")}
    assert (above, below) in pairs or len(set(values)) == 1


def test_a_criterion_must_be_falsifiable():
    with pytest.raises(ValueError, match="falsifiable"):
        Criterion("anything")
    with pytest.raises(ValueError, match="falsifiable"):
        Criterion("nothing", low=1.0, high=0.0)


def test_a_share_stays_a_share():
    _, _, (low, high) = Criterion("x", low=0.5, share=True).judge([0.9, 1.0, 1.0])
    assert low > 0.5
    assert high == 1.0


def test_a_difference_of_accuracies_is_not_known_better_than_one_example():
    gain = Criterion("x", low=0.005, points=True)
    assert gain.judge([0.0, 0.0, 0.0], 1 / 1000)[0] == "does-not-hold"
    assert gain.judge([0.0, 0.0, 0.0], 1 / 2)[0] == "depends"
    assert gain.judge([0.02, 0.02, 0.02], 1 / 1000)[::2] == ("holds", (0.019, 0.021))


def test_settings_together():
    criteria = {"a": Criterion("x", low=0.0), "b": Criterion("x", low=0.0)}
    both = settings_of(criteria, {"a": [1.0, 1.1], "b": [2.0, 2.1]})
    assert together(both) == ("holds", "")
    split = settings_of(criteria, {"a": [1.0, 1.1], "b": [-2.0, -2.1]})
    assert together(split) == ("depends", "holds: a; does not hold: b")
    assert together(split, parts=True) == ("does-not-hold", "holds: a; does not hold: b")
    open_ = settings_of(criteria, {"a": [1.0, 1.1], "b": [-2.0, 2.1]})
    assert together(open_, parts=True) == together(open_) == ("depends", "holds: a; undecided: b")
    assert together(open_[1:])[0] == "depends"
    with pytest.raises(ValueError, match="what the criteria name"):
        settings_of(criteria, {"a": [1.0, 2.0]})


def test_numbers_in_their_own_unit():
    assert Criterion("x", low=0.0, points=True).number(0.0123) == "1.23 points"
    assert Criterion("x", low=0.0, share=True).number(0.5) == "50 %"
    assert Criterion("x", low=1.0, ratio=True).number(2.5) == "2.5 ×"
    assert Criterion("x", low=1.0).number(math.inf) == "never"
