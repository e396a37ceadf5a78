"""Update rules, held against the formulas written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from babysit import Recipe
from babysit.record.recipe import OPTIMIZERS
from babysit.trainer.optimizer import groups, optimizer, penalty

LR, BETA, DECAY = 0.05, 0.9, 0.01


def ours(kind: str, gradients: np.ndarray, decay: float) -> np.ndarray:
    """A (2, 3) matrix of ones after the gradients, by babysit's optimizer."""
    model = nn.Linear(3, 2, bias=False)
    nn.init.ones_(model.weight)
    rule = optimizer(Recipe(optimizer=kind, lr=LR, momentum=BETA, weight_decay=decay), model)
    for gradient in gradients:
        model.weight.grad = torch.tensor(gradient, dtype=torch.float32)
        rule.step()
    return model.weight.detach().numpy()


def by_hand(kind: str, gradients: np.ndarray, decay: float) -> np.ndarray:
    """The same by the lecture's formulas."""
    w, v, s = np.ones((2, 3)), np.zeros((2, 3)), np.zeros((2, 3))
    for t, gradient in enumerate(gradients, 1):
        g = gradient if kind == "adamw" else gradient + decay * w
        if kind == "sgd":
            w = w - LR * g
        elif kind == "momentum":
            v = BETA * v + g
            w = w - LR * v
        elif kind == "nesterov":
            v = BETA * v + g
            w = w - LR * (g + BETA * v)
        elif kind == "rmsprop":
            s = 0.99 * s + 0.01 * g * g
            v = BETA * v + g / (np.sqrt(s) + 1e-8)
            w = w - LR * v
        elif kind == "adagrad":
            s = s + g * g
            w = w - LR * g / (np.sqrt(s) + 1e-10)
        else:
            w = w * (1 - LR * decay) if kind == "adamw" else w
            v = BETA * v + (1 - BETA) * g
            s = 0.999 * s + 0.001 * g * g
            w = w - LR * (v / (1 - BETA**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return w


@pytest.mark.parametrize("decay", [0.0, DECAY])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_update_rules(kind, decay):
    gradients = np.random.default_rng(0).normal(size=(6, 2, 3))
    np.testing.assert_allclose(ours(kind, gradients, decay), by_hand(kind, gradients, decay), rtol=2e-4, atol=1e-5)


def test_only_matrices_decay():
    model = nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.BatchNorm1d(4), nn.Conv2d(1, 2, 3))
    decaying, others = groups(Recipe(weight_decay=0.1), model)
    assert [one.ndim for one in decaying["params"]] == [2, 4]
    assert all(one.ndim == 1 for one in others["params"])
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert len(groups(Recipe(), model)) == 1


def test_penalty_is_the_l2_term():
    model = nn.Linear(3, 2)
    rule = optimizer(Recipe(weight_decay=0.3), model)
    assert penalty(rule) == pytest.approx(0.15 * float(model.weight.detach().square().sum()), rel=1e-5)
    assert penalty(optimizer(Recipe(), model)) == 0.0
