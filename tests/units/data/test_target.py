"""Classes or numbers: the one rule."""

from __future__ import annotations

import numpy as np
import pytest

from babysit import Recipe
from babysit.data.target import Target, read_target
from babysit.errors import DataError, RecipeError

RECIPE = Recipe(data="x")


def test_text_truth_and_few_whole_numbers_are_classes():
    assert read_target(np.array(["b", "a"] * 3), RECIPE).classes == ("a", "b")
    assert read_target(np.array([True, False] * 3), RECIPE).classes == ("False", "True")
    target = read_target(np.array([10, 2, 10, 2, 7, 7]), RECIPE)
    assert target.classes == ("2", "7", "10")
    assert target.y.tolist() == [2, 0, 2, 0, 1, 1]
    assert read_target(np.array([1.0, 0.0] * 3), RECIPE).classes == ("0", "1")


def test_fractions_and_many_whole_numbers_are_targets():
    assert read_target(np.array([0.5, 1.0, 2.0]), RECIPE).task == "regression"
    many = np.repeat(np.arange(21), 2)
    assert read_target(many, RECIPE).task == "regression"
    assert read_target(many, RECIPE, images=True).task == "classification"


def test_the_loss_asks_for_the_other_in_the_open():
    assert read_target(np.array([0, 1] * 3), RECIPE.edit(loss="mse")).task == "regression"
    assert len(read_target(np.repeat(np.arange(30), 2), RECIPE.edit(loss="cross_entropy")).classes) == 30
    with pytest.raises(RecipeError, match="loss=mse needs numbers"):
        read_target(np.array(["a", "b"] * 3), RECIPE.edit(loss="mse"))


def test_a_column_or_one_hot_matrix_is_read_as_one_value_each():
    assert read_target(np.array([[0], [1]] * 3), RECIPE).y.tolist() == [0, 1] * 3
    assert read_target(np.eye(3)[[2, 0, 1, 2, 0, 1]], RECIPE).y.tolist() == [2, 0, 1, 2, 0, 1]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([1, 1, 1]), "two classes at least"),
        (np.array(["a", "a"]), "two classes at least"),
        (np.array([0.5, 0.5]), "must differ"),
        (np.array([0.5, np.nan]), "row 2"),
        (np.array([0.5, 1e300]), "float32"),
        (np.array(["a", "b", "c"]), "3 different values in 3 rows"),
        (np.zeros((3, 2)), "one value per example"),
        (np.array([]), "there are none"),
        (np.array([1j]), "complex"),
    ],
)
def test_what_cannot_be_learned_is_refused(values, words):
    with pytest.raises(DataError, match=words):
        read_target(values, RECIPE)


def test_fewer_rows_than_the_formats_own_classes_are_refused():
    with pytest.raises(DataError, match="3 for 10 classes"):
        Target.of_ids([0, 1, 2], tuple("abcdefghij"))
