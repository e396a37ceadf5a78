"""The budget: no way of spending what it grants goes beyond it. The clock is the test's own."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.errors import RecipeError
from babysit.trainer.budget import Budget, epochs_within, seconds_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    seconds=st.floats(1, 1e5), before=st.floats(0, 1), searched=st.floats(0, 1), trained=st.floats(0, 1),
    one=st.floats(1e-3, 1e6),
)  # fmt: skip
def test_whatever_is_granted_and_spent_stays_within(seconds, before, searched, trained, one):
    clock = Clock()
    budget = Budget(seconds, clock=clock)
    clock.now += before * seconds
    grant = budget.for_search(one)
    assert 0 <= grant <= budget.left
    clock.now += searched * grant
    room = budget.for_training()
    clock.now += trained * room
    assert budget.spent <= seconds * (1 + 1e-9)
    kept = seconds - budget.spent
    if before == 0 and seconds > 10:  # the test and the report have their share, whatever was spent before
        assert kept >= min(2.0, 0.04 * seconds)


@given(epochs=st.integers(1, 10_000), needed=st.floats(1e-3, 1e5), room=st.floats(1e-3, 1e5))
def test_epochs_are_as_many_as_fit(epochs, needed, room):
    found = epochs_within(epochs, needed, room)
    each = needed / epochs
    assert 1 <= found <= epochs
    assert found == 1 or found * each <= room * (1 + 1e-9)
    assert found == epochs or (found + 1) * each > room * (1 - 1e-9)


def test_what_was_spent_before_counts():
    clock = Clock()
    budget = Budget(100, spent=30, clock=clock)
    clock.now += 20
    assert (budget.spent, budget.left) == (50, 50)
    clock.now += 80
    assert (budget.left, budget.for_training(), budget.for_search(5)) == (0, 0, 0)


@given(seconds=st.floats(1, 1e5), before=st.floats(0, 1), training=st.floats(1e-3, 1e6))
def test_a_training_gets_what_it_needs_whatever_the_search_spends(seconds, before, training):
    clock = Clock()
    budget = Budget(seconds, clock=clock)
    clock.now += before * seconds
    room = budget.for_training()
    clock.now += budget.for_search(training)
    assert budget.for_training() >= min(training, room) - 1e-6 * seconds


def test_without_a_limit_it_never_ends_and_a_search_gets_as_long_as_four_trainings():
    clock = Clock()
    budget = Budget(None, clock=clock)
    clock.now += 1e9
    assert math.isinf(budget.left)
    assert math.isinf(budget.for_training())
    assert math.isinf(budget.for_checks())
    assert (budget.for_search(2.0), budget.for_search(50.0)) == (10.0, 200.0)


@pytest.mark.parametrize("text", ["soon", "", "-3", "0", "2x", "1m 3", "nan", "inf"])
def test_what_is_no_time(text):
    with pytest.raises(RecipeError):
        seconds_of(text)
