"""Positive activations give every weight into a unit the same sign of gradient."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..views.panel import Axis, Line, Panel, Value
from ._claim import claim
from ._lecture import ACTIVATIONS, LECUN_1998
from ._networks import mlps, one_sign
from ._verdict import Criterion, Measured


@claim(
    ACTIVATIONS, paper=LECUN_1998, order=2,
    criteria={
        "one example": Criterion("units whose incoming weights all move the same way", low=0.99, share=True),
        "a batch of 64": Criterion("units whose incoming weights all move the same way", low=0.99, share=True),
    },
)  # fmt: skip
def sigmoid_is_not_zero_centred_so_gradients_share_a_sign(data, *, seeds, quick):
    """Sigmoid outputs are all positive, so all gradients on the weights into a unit share a sign.

    The gradient on the second layer's weights of a sigmoid network (two layers of 50, Xavier) is taken for single
    examples and for batches of 64, and the units counted, of those that get any gradient, whose 50 incoming weights are all pushed up, or all down. The
    figure shows what that does to two weights: descent from 0 to (1, -0.7) with inputs that are all positive, and with
    the same inputs centred, at the same rate.

    Criterion: at least 99 % of the units, for one example; and the same for a batch of 64.
    """
    rows = data.rows()
    nets = mlps(rows, seeds, how="xavier", activation="sigmoid", width=50, depth=2)
    one = [_share(net, rows, 1, 20) for net in nets]
    many = [_share(net, rows, 64, 5 if quick else 20) for net in nets]
    zigzag, straight = _path(centred=False), _path(centred=True)
    marks = [
        Line("positive", zigzag[:, 0], zigzag[:, 1], "bad"), Line("steps", zigzag[:, 0], zigzag[:, 1], "bad", "dots", label=False),
        Line("centred", straight[:, 0], straight[:, 1], "blue"), Line("steps", straight[:, 0], straight[:, 1], "blue", "dots", label=False),
        Line("goal", [1.0], [-0.7], "green", "dots"),
    ]  # fmt: skip
    figure = Panel(
        "Two weights on their way to (1, −0.7)", marks, x=Axis("first weight", low=-0.3, high=1.25), y=Axis("second weight", low=-0.85, high=0.35),
        values=[Value("positive inputs", f"{_length(zigzag):.1f} long", "bad"), Value("centred", f"{_length(straight):.1f} long", "blue")],
        height=320,
    )  # fmt: skip
    return Measured(
        {"one example": one, "a batch of 64": many}, figure,
        "The gradient on a weight is the unit's error times the activation that came in; where all activations are "
        "positive, the error's sign decides for all of them, so one example can only move them up together or down together, "
        f"and a way down that needs both goes in zig-zag. Over a batch the errors of different signs mix: {np.mean(many):.0%} "
        "of the units still move as one.",
    )  # fmt: skip


def _share(net, rows, batch, draws):
    layer = [one for one in net.modules() if isinstance(one, torch.nn.Linear)][1]
    shares = []
    for start in range(0, draws * batch, batch):
        index = [(start + k) % len(rows.y) for k in range(batch)]
        loss = F.cross_entropy(net(rows.x[index]), rows.y[index])
        (gradient,) = torch.autograd.grad(loss, layer.weight)
        shares.append(one_sign(gradient))
    return float(np.mean(shares))


def _path(*, centred, steps=60):
    """Descent of a linear unit, example by example, each step as long as 0.7 of the way to where that example is met."""
    draw = np.random.default_rng(3)
    inputs = draw.uniform(0.2, 1.8, (400, 2))
    inputs = inputs - inputs.mean(0) if centred else inputs
    goal, weights, path = np.array([1.0, -0.7]), np.zeros(2), [np.zeros(2)]
    for x in inputs[:steps]:
        weights = weights + 0.7 * (goal - weights) @ x * x / (x @ x)
        path.append(weights)
    return np.array(path)


def _length(path):
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
