"""The facts that a training's record begins with: what the doctor reads to know the network."""

from __future__ import annotations

import pytest
import torch

from babysit import Recipe
from babysit.trainer import Training
from babysit.trainer.facts import facts

from .test_loop import blobs, line


@pytest.fixture
def training():
    recipe = Recipe(data="blobs", model="mlp", width=8, depth=2, norm="batch", dropout=0.25, weight_decay=0.1)
    return Training(recipe, blobs())


def test_modules_stand_in_the_order_of_their_calls_with_what_they_make_of_one_example(training):
    rows = facts(training, blobs())["modules"]
    assert [row["kind"] for row in rows] == [
        "Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip
    assert (rows[0]["shape_in"], rows[0]["shape_out"], rows[-1]["shape_out"]) == ([1, 4], [1, 8], [1, 3])
    assert [row["after"] for row in rows[1:]] == [[row["name"]] for row in rows[:-1]]
    assert all(row["calls"] == 1 for row in rows)
    assert rows[3]["p"] == 0.25
    assert rows[2]["activation"]["name"] == "relu"
    known = {name for name, _ in training.model.named_modules()}
    assert {row["name"] for row in rows} <= known


def test_parameters_are_those_of_the_model_in_their_groups(training):
    found = facts(training, blobs())
    model = dict(training.model.named_parameters())
    assert {row["name"]: row["shape"] for row in found["parameters"]} == {
        name: list(one.shape) for name, one in model.items() if one.requires_grad
    }
    assert {row["optimizer"] for row in found["parameters"] if row["kind"] == "weight"} == {"0.0"}
    assert {row["optimizer"] for row in found["parameters"] if row["kind"] == "bias"} == {"0.1"}
    (rule,) = found["optimizers"]
    assert [group["weight_decay"] for group in rule["groups"]] == [0.1, 0.0]
    assert sum(group["parameters"] for group in rule["groups"]) == len(found["parameters"])
    mine = {name for row in found["modules"] for name in row["parameters"]}
    assert mine == {row["name"] for row in found["parameters"]}


def test_looking_changes_nothing(training):
    before = {name: one.clone() for name, one in training.body.state_dict().items()}
    random = torch.get_rng_state()
    facts(training, blobs())
    assert all(torch.equal(one, before[name]) for name, one in training.body.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module._forward_hooks for module in training.body.modules())
    assert training.body.training


def test_criteria_and_task():
    recipe = Recipe(data="blobs", model="mlp", width=8, label_smoothing=0.1)
    found = facts(Training(recipe, blobs()), blobs())
    assert found["task"] == {"kind": "classes", "classes": 3, "names": ["0", "1", "2"]}
    assert (found["criteria"][0]["kind"], found["criteria"][0]["label_smoothing"]) == ("CrossEntropyLoss", 0.1)
    assert found["criteria"][0]["target_dtype"] == "int64"
    found = facts(Training(Recipe(data="line", model="mlp", width=8), line()), line())
    assert found["task"]["kind"] == "regression"
    assert found["criteria"][0]["kind"] == "MSELoss"
