"""The recipe: what it accepts, how it is written, how it changes."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.errors import RecipeError
from babysit.record import Recipe

FIELDS = {spec.name: spec for spec in dataclasses.fields(Recipe)}


def values_of(name):
    """Legal values of a field, from its own facts."""
    spec = FIELDS[name]
    if spec.metadata["choices"]:
        return st.sampled_from(spec.metadata["choices"])
    kind = str(spec.type).split(" ")[0]
    if kind == "str":
        return st.text(max_size=20).filter(lambda text: text != "none")
    numbers = st.integers(2, 10**6) if kind == "int" else st.floats(1e-9, 0.45)
    return st.one_of(st.none(), numbers) if spec.metadata["optional"] else numbers


RECIPES = st.fixed_dictionaries({}, optional={name: values_of(name) for name in FIELDS}).map(Recipe.of)


@given(RECIPES)
def test_toml_brings_back_the_same_recipe(recipe):
    again = Recipe.of(tomllib.loads(recipe.to_toml()))
    assert again == recipe
    assert again.id == recipe.id


@given(RECIPES, st.sampled_from(sorted(FIELDS)))
def test_every_legal_value_can_be_told_on_the_command_line(recipe, name):
    value = getattr(recipe, name)
    if isinstance(value, str) and value != value.strip():
        return
    edit = Recipe.parse([f"{name}={'none' if value is None else value}"])
    assert Recipe(data="x").edit(edit) == Recipe(data="x").edit({name: value})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lrr": 1}, "did you mean lr"),
        ({"activation": "rely"}, "did you mean relu"),
        ({"lr": -1}, "lr > 0 must hold, but lr=-1"),
        ({"lr": 0}, "lr > 0 must hold"),
        ({"lr": "fast"}, "lr must be a number, but got 'fast'"),
        ({"lr": float("nan")}, "must be finite"),
        ({"lr": float("inf")}, "must be finite"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"batch": 0}, "batch > 0 must hold"),
        ({"dropout": 1.0}, "0 <= dropout < 1 must hold"),
        ({"val": 0.5, "test": 0.5}, "val + test < 1"),
        ({"pieces": 1}, "pieces >= 2"),
        ({"lr": None}, "lr must have a value"),
        ({"seed": -1}, "seed >= 0"),
        ({"lr": True}, "must be a number"),
        ({"activation": "*0.1"}, "needs a number to start from"),
        ({"lr": "*x"}, "'*factor'"),
    ],
)
def test_impossible_values_are_refused_with_the_way_out(changes, says):
    with pytest.raises(RecipeError, match=r"^") as caught:
        Recipe(data="digits").edit(changes)
    assert says in str(caught.value)


def test_a_word_without_equals_is_refused():
    with pytest.raises(RecipeError, match="field=value"):
        Recipe.parse(["lr"])


def test_an_edit_leaves_the_original():
    recipe = Recipe(data="digits", lr=0.1)
    assert recipe.edit(lr="*0.1").lr == pytest.approx(0.01)
    assert recipe.edit(width="*2").width == 2 * recipe.width
    assert recipe.lr == 0.1


def test_a_model_of_ones_own_is_told_by_module_and_factory():
    assert Recipe(model="mynet:make").model == "mynet:make"
    with pytest.raises(RecipeError, match="model has no 'mpl'"):
        Recipe(model="mpl")


def test_a_recipe_file_that_is_missing_or_broken(tmp_path):
    with pytest.raises(RecipeError, match="can't be read"):
        Recipe.from_toml(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("lr = = 3")
    with pytest.raises(RecipeError, match="not valid TOML"):
        Recipe.from_toml(broken)
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="not valid TOML"):
        Recipe.from_toml(broken)
