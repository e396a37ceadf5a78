"""The cut: a partition, stratified, seeded, also for tiny classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit import Recipe
from babysit.data.split import cut
from babysit.errors import DataError


def recipe(**more):
    return Recipe(data="x", **more)


@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=6),
    seed=st.integers(0, 5),
    val=st.floats(0, 0.4),
    test=st.floats(0, 0.4),
)
def test_every_row_is_in_one_part_and_every_class_in_train(sizes, seed, val, test):
    y = np.repeat(np.arange(len(sizes)), sizes)
    try:
        parts = cut(y, recipe(seed=seed, val=val, test=test), [str(one) for one in range(len(sizes))])
    except DataError:
        assert len(y) < 3 * len(sizes)
        return
    rows = np.concatenate(list(parts.values()))
    assert sorted(rows.tolist()) == list(range(len(y)))
    assert set(y[parts["train"]]) == set(range(len(sizes)))
    assert len(parts["test"]) <= max(1, round(len(y) * test))


@given(sizes=st.lists(st.integers(20, 60), min_size=2, max_size=5), share=st.sampled_from([0.1, 0.2, 0.3]))
def test_each_class_keeps_its_share_within_one_example(sizes, share):
    y = np.repeat(np.arange(len(sizes)), sizes)
    parts = cut(y, recipe(test=share, val=0.1), [str(one) for one in range(len(sizes))])
    assert len(parts["test"]) == round(len(y) * share)
    for label, size in enumerate(sizes):
        assert abs((y[parts["test"]] == label).sum() - size * len(parts["test"]) / len(y)) < 1


def test_the_seed_decides_and_nothing_else():
    y = np.arange(100) % 3
    first, same, other = (cut(y, recipe(seed=seed, lr=lr), "abc") for seed, lr in ((1, 0.1), (1, 0.2), (2, 0.1)))
    assert all((first[name] == same[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


def test_its_own_test_set_is_kept_in_its_order_and_val_is_carved_out_of_train():
    y = np.arange(100) % 2
    own = {"train": np.arange(60), "test": np.arange(60, 100)}
    parts = cut(y, recipe(val=0.25), "ab", own)
    assert parts["test"].tolist() == list(range(60, 100))
    assert len(parts["val"]) == 15
    assert sorted([*parts["val"], *parts["train"]]) == list(range(60))


def test_train_is_shuffled_so_that_sorted_files_do_not_make_sorted_batches():
    y = np.repeat([0, 1], 50)
    assert 0 < y[cut(y, recipe(), "ab")["train"][:20]].sum() < 20


def test_a_share_of_zero_gives_an_empty_part():
    assert len(cut(np.arange(10) % 2, recipe(val=0), "ab")["val"]) == 0


def test_too_few_examples_are_refused():
    with pytest.raises(DataError, match="only 2"):
        cut(np.array([0, 1]), recipe(), "ab")


def test_fewer_rows_than_classes_are_refused():
    with pytest.raises(DataError, match="6 for 9 classes"):
        cut(np.arange(6), recipe(), [str(one) for one in range(9)])


def test_a_class_that_only_test_has_is_refused():
    own = {"train": np.arange(8), "test": np.arange(8, 10)}
    with pytest.raises(DataError, match="'c' is not"):
        cut(np.array([0, 1] * 4 + [2, 2]), recipe(), ["a", "b", "c"], own)
