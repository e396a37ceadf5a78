"""The summary against counting by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import entropy

from babysit import Recipe
from babysit.data import load
from babysit.data.summary import summary

RECIPE = Recipe(data="mine")


def by_hand(split):
    """Duplicates by comparing all pairs."""
    rows = [
        (name, bytes((part.x[row] + 0.0).numpy().tobytes()), float(part.y[row]))
        for name, part in split.parts.items()
        for row in range(len(part))
    ]
    within = {
        name: sum(a == name for a, _, _ in rows) - len({x for a, x, _ in rows if a == name}) for name in split.parts
    }
    across = {}
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        first = {x for name, x, _ in rows if name == a}
        across[f"{a}-{b}"] = sum(name == b and x in first for name, x, _ in rows)
    conflicting = sum(any(x == z and y != w for _, z, w in rows) for _, x, y in rows)
    return within, across, conflicting


@pytest.mark.parametrize("memory", [10, 1 << 30])
@pytest.mark.parametrize("seed", range(4))
def test_duplicates_are_those_found_by_comparing_all_pairs(seed, memory, tmp_path):
    draw = np.random.default_rng(seed)
    x, y = draw.integers(-2, 3, (90, 3)).astype(np.float32), draw.integers(0, 2, 90)
    x[x == 0] *= draw.choice([-1, 1], (x == 0).sum())  # -0.0 is 0.0
    np.savez(tmp_path / "a.npz", X=x, y=y)
    recipe = Recipe(data=str(tmp_path / "a.npz"))
    found = summary(load(recipe, memory=memory))["duplicates"]
    within, across, conflicting = by_hand(load(recipe))
    assert found["within"] == within
    assert found["across"] == across
    assert found["conflicting"] == conflicting
    assert len(found["first"]) == 5
    for _, i, _, j in found["first"]:
        assert (x[i - 1] == x[j - 1]).all()


def test_no_duplicates_where_there_are_none():
    x = np.arange(5000, dtype=np.float32).reshape(1000, 5)
    found = summary(load(RECIPE, data=(x, np.arange(1000) % 2)))["duplicates"]
    assert sum(found["within"].values()) + sum(found["across"].values()) + found["conflicting"] == 0


def test_rows_that_differ_in_one_bit_are_no_duplicates():
    x = np.zeros((256, 11), np.float32)
    x[:, 10] = np.arange(256) * np.float32(1e-45)
    found = summary(load(RECIPE, data=(x, np.arange(256) % 2)))["duplicates"]
    assert sum(found["within"].values()) == 0


def test_classes_balance_and_entropy():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    split = load(RECIPE, data=(np.random.default_rng(0).normal(size=(100, 4)), y))
    facts = summary(split)
    counts = np.bincount(split.train.y.numpy())
    assert [row["train"] for row in facts["classes"]] == counts.tolist()
    assert sum(row[part] for row in facts["classes"] for part in ("train", "val", "test")) == 100
    assert facts["majority"] == counts.max() / counts.sum()
    np.testing.assert_allclose(facts["entropy"], entropy(counts))
    assert facts["examples"] == {"train": 65, "val": 15, "test": 20}


def test_ranges_constants_and_a_regressions_target():
    x = np.random.default_rng(0).normal(size=(50, 3))
    x[:, 1] = 7
    split = load(RECIPE, data=(x, x[:, 0] * 2))
    facts = summary(split)
    train = x[split.train.index]
    assert facts["constant"] == [1]
    np.testing.assert_allclose(facts["range"], [train.min(), train.max()], rtol=1e-6)
    np.testing.assert_allclose(facts["target"]["std"], (train[:, 0] * 2).std(), rtol=1e-6)
    assert "classes" not in facts


def test_digits_has_its_known_constant_pixels_and_is_plain_json():
    facts = summary(load(Recipe(data="digits")))
    assert {0, 32, 39} <= set(facts["constant"])
    assert facts["range"] == [0.0, 16.0]
    assert facts["shape"] == [1, 8, 8]
    assert json.loads(json.dumps(facts)) == facts


def test_an_empty_part_is_counted_as_such():
    facts = summary(load(Recipe(data="iris", val=0)))
    assert facts["examples"]["val"] == 0
