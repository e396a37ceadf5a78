"""What is seen of a network while it trains: true numbers, and a training that doesn't notice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from babysit.data import load
from babysit.probes._pictures import histogram, images
from babysit.record import Recipe, Store
from babysit.record.store import read
from babysit.trainer.final import worst
from babysit.trainer.loop import Training
from babysit.trainer.portrait import Portrait


def test_a_histogram_is_numpys():
    x = torch.randn(40, 50, generator=torch.Generator().manual_seed(0))
    counts, centres = histogram(x).numpy()
    theirs, edges = np.histogram(x.numpy(), 32)
    assert counts.sum() == x.numel()
    assert np.abs(counts - theirs).sum() <= 4, "an element on an edge may fall to either side"
    assert centres == pytest.approx((edges[1:] + edges[:-1]) / 2, abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 3.0, float("nan"), float("inf")])
def test_a_histogram_of_one_value_or_none_is_finite(value):
    assert torch.isfinite(histogram(torch.full((7,), value))).all()


def test_only_pixels_are_images():
    assert images(torch.zeros(9, 3, 5, 5), (3, 8, 8)).shape == (9, 3, 5, 5)
    assert images(torch.zeros(9, 192), (3, 8, 8)).shape == (9, 3, 8, 8)
    assert images(torch.zeros(9, 13), (13,)) is None
    assert images(torch.zeros(9, 16, 3, 3), (3, 8, 8)) is None


def _trained(folder, looks: bool, **fields):
    recipe = Recipe(data="digits", epochs=2, **fields)
    store = Store(folder)
    training = Training(recipe, load(recipe), record=store)
    portrait = Portrait(training, store)
    for _ in range(2):
        training.epoch()
        if looks:
            portrait.look()
    store.close()
    return training


@pytest.mark.parametrize(
    "fields", [{"model": "mlp", "dropout": 0.3}, {"model": "convnet", "norm": "batch", "width": 4}]
)
def test_looking_changes_no_bit(tmp_path, fields):
    before = torch.random.get_rng_state()
    seen, unseen = (_trained(tmp_path / str(looks), looks, **fields) for looks in (True, False))
    assert torch.equal(before, torch.random.get_rng_state())
    state = unseen.model.state_dict()
    assert all(torch.equal(one, state[name]) for name, one in seen.model.state_dict().items())
    assert all(parameter.grad is None or torch.isfinite(parameter.grad).all() for parameter in seen.body.parameters())
    assert [one.loss for one in seen.history] == [one.loss for one in unseen.history]


def test_what_is_seen_is_there(tmp_path):
    training = _trained(tmp_path, True, model="mlp", depth=1, width=20, norm="none", activation="relu")
    run = read(tmp_path)
    x, y = training.prepared.train.first(torch.arange(512))
    training.body.eval()
    relu = next(name for name in run.places("activation.dead"))
    values = {}
    name, module = next((n, m) for n, m in training.body.named_modules() if f"network.{n}" == relu)
    handle = module.register_forward_hook(lambda _, __, output: values.update(x=output.detach()))
    loss = functional.cross_entropy(training.body(x[:128]), y[:128])
    training.optimizer.zero_grad()
    loss.backward()
    assert run.last("activation.std", relu) == pytest.approx(float(values["x"].std(correction=0)), rel=1e-4)
    for name, weight in training.weights.items():
        assert run.last("gradient.norm", f"network.{name}") == pytest.approx(float(weight.grad.norm()), rel=1e-3)
    training.body(x)
    handle.remove()
    assert run.last("activation.dead", relu) == pytest.approx(float((values["x"].amax(0) <= 0).float().mean()))
    first = next(iter(training.weights))
    step, seen = run.vectors("weight.images", f"network.{first}")[-1]
    assert step == training.step
    assert np.array_equal(seen.reshape(20, -1), training.weights[first].detach().numpy())
    assert len(run.vectors("activation.histogram", relu)) == 2


def test_a_model_that_can_not_be_looked_at_is_left_alone(tmp_path):
    recipe = Recipe(data="digits", epochs=1)
    store = Store(tmp_path)
    training = Training(recipe, load(recipe), record=store)
    portrait = Portrait(training, store)
    training.criterion = lambda outputs, targets: 1 / 0
    portrait.look()
    portrait.look()
    store.close()
    told = [event for event in read(tmp_path).events if event.kind == "warning"]
    assert len(told) == 1
    assert "ZeroDivisionError" in told[0].detail["text"]


def test_the_worst_examples_are_those_that_cost_most():
    recipe = Recipe(data="digits", epochs=1)
    split = load(recipe)
    training = Training(recipe, split)
    training.epoch()
    network = training.model.eval()
    examples, told = worst(network, split.val, "classification", split.classes)
    with torch.inference_mode():
        costs = functional.cross_entropy(network(split.val.x.float()), split.val.y, reduction="none")
    assert [one["loss"] for one in told] == pytest.approx(costs.sort(descending=True).values[:24].tolist(), rel=1e-4)
    at = int(costs.argmax())
    assert told[0]["true"] == str(split.classes[int(split.val.y[at])])
    assert np.array_equal(examples[0], split.val.x[at].float().numpy())
    assert told[0]["row"] == int(split.val.index[at])
