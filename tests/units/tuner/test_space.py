"""Spaces: ends, logarithms, conditions, TOML, and everything that can be told wrongly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.errors import RecipeError
from babysit.record import Recipe
from babysit.tuner.space import Space, choice, integers, log, uniform, usual

UNIT = st.floats(0, 1)


@given(UNIT)
def test_a_log_dimension_is_even_in_its_logarithm(unit):
    assert math.log10(log(1e-5, 10).value(unit)) == pytest.approx(-5 + 6 * unit, abs=1e-9)


@given(
    st.sampled_from(
        [log(1e-5, 1), uniform(-2, 7), integers(3, 90, logarithmic=True), integers(-4, 4), choice(1, "a", None)]
    ),
    UNIT,
)
def test_a_value_goes_back_to_where_it_came_from(one, unit):
    value = one.value(unit)
    assert one.value(one.unit(value)) == value
    if one.is_number:
        assert one.low <= value <= one.high


def test_whole_numbers_and_options_have_equal_shares():
    units = (np.arange(6000) + 0.5) / 6000
    for one, options in ((integers(1, 4), 4), (choice(*"abcdef"), 6)):
        counts = np.unique([one.value(unit) for unit in units], return_counts=True)[1]
        assert len(counts) == options
        assert counts.max() - counts.min() <= 2


def test_conditions_hold_back_a_field_and_come_first_whatever_the_order():
    space = Space.of(
        {"momentum": uniform(0.5, 0.9).when(optimizer=("sgd", "nesterov")), "optimizer": choice("adam", "sgd")}
    )
    assert list(space) == ["optimizer", "momentum"]
    assert space.edit([0.1, 0.5]) == {"optimizer": "adam"}
    assert space.edit([0.9, 0.5]) == {"optimizer": "sgd", "momentum": 0.7}
    assert np.isnan(space.units({"optimizer": "adam"})[1])


def test_toml_and_python_say_the_same(tmp_path):
    file = tmp_path / "space.toml"
    file.write_text(
        'lr = {log = [1e-5, 1]}\ndropout = {uniform = [0, 0.7]}\nwidth = [32, 64]\n'
        'depth = {integers = [1, 4]}\nmomentum = {uniform = [0.5, 0.9], when = {optimizer = ["sgd"]}}\noptimizer = ["sgd", "adam"]\n'
    )  # fmt: skip
    told = {
        "lr": log(1e-5, 1), "dropout": uniform(0, 0.7), "width": choice(32, 64), "depth": integers(1, 4),
        "momentum": uniform(0.5, 0.9).when(optimizer="sgd"), "optimizer": choice("sgd", "adam"),
    }  # fmt: skip
    assert Space.of(str(file), base=Recipe()) == Space.of(told)
    assert Space.of(Space.of(told).to_dict()) == Space.of(told)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({}, "at least one field"),
        ({"lr": {"log": [0, 1]}}, "zero has no logarithm"),
        ({"lr": {"log": [1, 1e-3]}}, "low < high"),
        ({"lr": {"log": [1e-3]}}, r"\[low, high\]"),
        ({"lr": {"lag": [1e-3, 1]}}, "did you mean log"),
        ({"lr": {"log": [1e-3, math.inf]}}, "finite"),
        ({"lr": 3}, "the space of lr"),
        ({"lrr": {"log": [1e-3, 1]}}, "did you mean lr"),
        ({"dropout": {"uniform": [0, 1.5]}}, "goes where a recipe can't"),
        ({"optimizer": ["sgd", "adamm"]}, "did you mean adam"),
        ({"width": []}, "options"),
        ({"width": [32, 32]}, "must differ"),
        ({"depth": {"integers": [1, 2.5]}}, "whole"),
        ({"momentum": {"uniform": [0, 0.9], "when": {"optimizer": ["lion"]}}, "optimizer": ["sgd", "adam"]}, "contradictory"),
        ({"momentum": {"uniform": [0, 0.9], "when": {"optimiser": ["sgd"]}}, "optimizer": ["sgd"]}, "did you mean optimizer"),
        ({"momentum": {"uniform": [0, 0.9], "when": {"lr": [1]}}, "lr": {"log": [1e-3, 1]}}, "only a choice"),
        (
            {"init": {"choice": ["he"], "when": {"norm": ["batch"]}}, "norm": {"choice": ["batch"], "when": {"init": ["he"]}}},
            "hang on one another",
        ),
    ],
)  # fmt: skip
def test_what_can_be_told_wrongly(space, words):
    with pytest.raises(RecipeError, match=words):
        Space.of(space, base=Recipe())


def test_files_that_are_no_space(tmp_path):
    with pytest.raises(RecipeError, match="can't be read"):
        Space.of(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("lr = {")
    with pytest.raises(RecipeError, match="not valid TOML"):
        Space.of(tmp_path / "bad.toml")


def test_widening_goes_as_far_as_the_field_allows():
    assert log(1e-3, 1).widened(False, True, 0.25, "lr").high == pytest.approx(10 ** (3 * 0.25), rel=1e-4)
    wide = uniform(0.1, 0.9).widened(True, True, 0.5, "dropout")
    assert (wide.low, wide.high) == (0.0, 0.9)  # dropout < 1 must hold
    assert integers(1, 3).widened(True, True, 0.5, "depth") == integers(1, 5)
    assert choice("a", "b").widened(True, True, 0.5) == choice("a", "b")


def test_the_usual_space_fits_every_recipe_and_says_what_it_has_not():
    assert set(usual(Recipe())) >= {"lr", "weight_decay", "dropout"}
    assert "label_smoothing" not in usual(Recipe(), ["lr", "batch"], task="regression")
    with pytest.raises(RecipeError, match="no usual range for 'data'"):
        usual(Recipe(), ["data"])
