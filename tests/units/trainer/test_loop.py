"""The loop, held against one written by hand; stopped and resumed, against one that never stopped."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from babysit import Recipe
from babysit.data import Part, Split
from babysit.errors import RecipeError
from babysit.record import Run
from babysit.trainer import Training, fit, prepare
from babysit.trainer.loop import LOOK
from babysit.trainer.schedule import factor


def blobs(count: int = 90, classes: int = 3, *, seed: int = 0, images: bool = False) -> Split:
    """Gaussian blobs, or small images of bytes."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % classes
    if images:
        x = torch.randint(0, 256, (count, 1, 8, 8), generator=draw, dtype=torch.uint8)
    else:
        x = torch.randn(count, 4, generator=draw) + 2 * F.one_hot(y, 4)[:, :4]
    third = count // 3
    parts = [Part(x[a:b], y[a:b]) for a, b in ((0, count - third), (count - third, count), (0, 3))]
    return Split(*parts, "classification", tuple(map(str, range(classes))), (), "blobs", None)


def line(count: int = 60) -> Split:
    """A noisy plane far from unit scale."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(count, 3, generator=draw)
    y = 1000 + 200 * x @ torch.tensor([1.0, -2.0, 0.5]) + torch.randn(count, generator=draw)
    parts = [Part(x[a:b], y[a:b]) for a, b in ((0, 40), (40, 60), (0, 3))]
    return Split(*parts, "regression", (), (), "line", None)


BASE = Recipe(data="blobs", model="mlp", width=16, depth=2, batch=16, epochs=6, lr=0.01)


def weights(training: Training) -> list[torch.Tensor]:
    return [one.detach().clone() for one in training.model.state_dict().values()]


def equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(a, b, strict=True))


def test_it_trains_as_a_loop_by_hand_does():
    recipe = BASE.edit(optimizer="nesterov", weight_decay=0.0, schedule="cosine", warmup=0.25)
    training = Training(recipe, blobs())
    x, y = training.prepared.train.x, training.prepared.train.y
    body = Training(recipe, blobs()).body
    rule = torch.optim.SGD(body.parameters(), lr=recipe.lr, momentum=recipe.momentum, nesterov=True)
    order = torch.Generator()
    order.set_state(training.order.get_state())
    steps, total = 0, recipe.epochs * math.ceil(len(y) / recipe.batch)
    for _ in range(recipe.epochs):
        for index in torch.randperm(len(y), generator=order).split(recipe.batch):
            rule.param_groups[0]["lr"] = recipe.lr * factor("cosine", (steps + 0.5) / total, 0.25)
            rule.zero_grad()
            F.cross_entropy(body(x[index]), y[index]).backward()
            rule.step()
            steps += 1
    fit(recipe, blobs(), training=training)
    assert training.step == steps == total
    for mine, theirs in zip(training.body.parameters(), body.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


HARD = [
    {"optimizer": "adam", "dropout": 0.4, "norm": "batch", "weight_decay": 1e-3},
    {"optimizer": "rmsprop", "schedule": "plateau", "dropout": 0.2},
    {"optimizer": "nesterov", "schedule": "one-cycle", "clip_norm": 0.5},
    {"optimizer": "adagrad", "warmup": 0.3, "patience": 2},
    {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "step", "activation": "maxout"},
]


@pytest.mark.parametrize("edit", HARD, ids=lambda edit: edit["optimizer"])
def test_resumed_after_any_epoch_it_is_bit_equal(edit):
    recipe, split = BASE.edit(edit), blobs()
    whole = fit(recipe, split)
    for until in (1, 3, 5):
        state = fit(recipe, split, until=until).state()
        torch.manual_seed(99)  # the caller's random state must not matter
        resumed = Training(recipe, split)
        resumed.restore(*state)
        fit(recipe, split, training=resumed)
        assert equal(weights(whole), weights(resumed))
        assert [one.val_loss for one in whole.history] == [one.val_loss for one in resumed.history]
        assert whole.best is not None
        assert resumed.best is not None
        assert whole.best.number == resumed.best.number
        whole.restore_best() if until == 5 else None


def test_resumed_in_the_middle_of_a_pass_it_is_bit_equal():
    recipe = BASE.edit(batch=2, epochs=2, dropout=0.3, augment="flip+crop")
    split = blobs(3 * (LOOK + 30), images=True)
    whole = fit(recipe, split)
    states = []
    training = Training(recipe, split)
    training.epoch(on_look=lambda one: states.append(one.state()))
    assert len(states) >= 1
    for tensors, plain in states:
        assert 0 < plain["pass"]["done"] < training.epoch_steps
        resumed = Training(recipe, split)
        resumed.restore(tensors, plain)
        fit(recipe, split, training=resumed)
        assert equal(weights(whole), weights(resumed))
        assert whole.history[0].loss == pytest.approx(resumed.history[0].loss, rel=1e-6)


def test_stopped_between_two_steps_it_goes_on_bit_equal():
    recipe, split = BASE.edit(dropout=0.3), blobs()
    whole = fit(recipe, split)
    training = Training(recipe, split)
    step = training.optimizer.step

    def stopping(*args, **more):
        training.stop = training.step == 6
        return step(*args, **more)

    training.optimizer.step = stopping
    fit(recipe, split, training=training)
    assert training.stop
    assert training.step == 7
    resumed = Training(recipe, split)
    resumed.restore(*training.state())
    fit(recipe, split, training=resumed)
    assert equal(weights(whole), weights(resumed))


def test_trainings_that_take_turns_do_not_disturb_one_another():
    first, second = BASE.edit(dropout=0.3), BASE.edit(dropout=0.5, seed=7)
    alone = [fit(first, blobs()), fit(second, blobs())]
    turns = [Training(first, blobs()), Training(second, blobs())]
    for _ in range(BASE.epochs):
        for training in turns:
            training.epoch()
    assert all(equal(weights(a), weights(b)) for a, b in zip(alone, turns, strict=True))


def test_the_callers_random_state_stays_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    fit(BASE.edit(dropout=0.3), blobs(), until=2)
    assert torch.equal(before, torch.get_rng_state())


def test_taking_readings_changes_nothing():
    run = Run()
    assert equal(weights(fit(BASE, blobs())), weights(fit(BASE, blobs(), record=run)))
    assert len(run.series("loss.train")) == len(run.series("lr")) == 24
    assert len(run.series("accuracy.val")) == 6
    assert run.places("update.ratio") == [f"network.{name}.weight" for name in ("linear1", "linear2", "output")]


def test_the_update_ratio_is_the_real_change():
    recipe = BASE.edit(optimizer="sgd", lr=0.1, schedule="constant", batch=64, epochs=1)
    run = Run()
    before = Training(recipe, blobs()).body.state_dict()
    after = fit(recipe, blobs(), record=run).body.state_dict()
    for name in ("linear1.weight", "output.weight"):
        expected = (after[name] - before[name]).norm() / before[name].norm()
        assert run.last("update.ratio", f"network.{name}") == pytest.approx(float(expected), rel=1e-3)


def test_the_whole_network_gives_what_its_trained_part_gave():
    for split in (blobs(images=True), line()):
        training = fit(BASE.edit(epochs=2, preprocess="auto"), split)
        outputs, _ = training.evaluate("val")
        training.model.eval()
        with torch.no_grad():
            whole = training.model(split.val.x)
        if split.task == "regression":
            mean, std = training.prepared.target
            outputs = outputs.squeeze(1) * std + mean
        torch.testing.assert_close(whole, outputs, rtol=1e-4, atol=1e-3)


def test_a_regression_far_from_unit_scale_is_learned():
    training = fit(BASE.edit(epochs=60, schedule="one-cycle"), line())
    assert training.score > 0.98


def test_patience_ends_it():
    training = fit(BASE.edit(patience=2, epochs=200, lr=0.05), blobs())
    assert training.ended == "patience"
    assert training.best is not None
    assert len(training.history) == training.best.number + 2


def test_a_loss_that_is_not_finite_ends_it():
    run = Run()
    training = fit(BASE.edit(optimizer="sgd", lr=1e30, epochs=50), blobs(), record=run)
    assert training.ended == "not finite"
    assert run.events_of("nonfinite")


def test_the_best_weights_are_those_of_the_best_epoch():
    recipe = BASE.edit(lr=0.1, optimizer="sgd", epochs=8, schedule="constant")
    training = fit(recipe, blobs(seed=3))
    training.restore_best()
    outputs, targets = training.evaluate("val")
    assert training.best is not None
    assert float(F.cross_entropy(outputs, targets)) == pytest.approx(training.best.val_loss, rel=1e-5)
    assert training.best.rank == max(one.rank for one in training.history)


def test_a_last_batch_of_one_is_left_out():
    split = blobs(99)  # 66 for training
    training = fit(BASE.edit(batch=13, norm="batch", epochs=1), split)
    assert training.epoch_steps == 5


def test_a_device_that_is_not_there():
    if not torch.cuda.is_available():
        with pytest.raises(RecipeError, match=r"device=cuda must be in this machine.*use device=cpu"):
            prepare(BASE.edit(device="cuda"), blobs())
    for name in ("gpu", "meta"):
        with pytest.raises(RecipeError, match="device must be auto"):
            prepare(BASE.edit(device=name), blobs())
