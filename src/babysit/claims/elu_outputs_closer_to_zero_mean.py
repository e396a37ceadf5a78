"""ELU's outputs lie closer to mean zero than ReLU's."""

from __future__ import annotations

import numpy as np
import torch

from ..views.panel import Axis
from ._claim import claim
from ._lecture import ACTIVATIONS, CLEVERT_2015
from ._networks import activations, fleet, mlps
from ._panels import arms
from ._verdict import Criterion, Measured

CLOSER = Criterion("|mean| / rms of hidden outputs, ELU / ReLU", high=0.9, ratio=True)


@claim(ACTIVATIONS, paper=CLEVERT_2015, order=10, criteria={"at the start": CLOSER, "after training": CLOSER})
def elu_outputs_closer_to_zero_mean(data, *, seeds, quick):
    """ELU outputs are closer to zero mean than ReLU's.

    Three layers of 64 on standardized rows, He's init; |mean| / rms of all hidden outputs on validation data, before
    training and after SGD with momentum at lr = 0.02.

    Criterion: ELU's is less than 0.9 times ReLU's, at the start and after training.
    """
    rows = data.rows()
    steps = 150 if quick else 500
    offsets = {}
    for name in ("relu", "leaky_relu", "elu", "tanh"):
        ships = fleet([mlps(rows, seeds, activation=name, width=64, depth=3)], seeds, lr=0.02)
        before = _offsets(ships, rows.val_x)
        ships.train(rows.x, rows.y, steps, every=steps)
        offsets[name] = (before, _offsets(ships, rows.val_x))
    shown = {
        f"{name}, {when}": pair[k] for name, pair in offsets.items() for k, when in enumerate(("start", "trained"))
    }
    tones = {name: "orange" for name in shown if name.endswith("start")}
    figure = arms("How far hidden outputs lie from zero", shown, Axis("|mean| / rms", low=0), tones)
    ratios = [np.array(elu) / np.array(relu) for elu, relu in zip(offsets["elu"], offsets["relu"])]
    return Measured(
        {"at the start": ratios[0], "after training": ratios[1]}, figure,
        "A ReLU can't go below 0, so its mean must lie above; an ELU goes down to -1 and balances part of what is above. "
        "A mean near zero takes away the sideways pull that all-positive outputs have on the next layer's weights.",
    )  # fmt: skip


@torch.no_grad()
def _offsets(ships, x):
    found = []
    for lane in range(ships.lanes):
        outputs = torch.cat([one.flatten() for one in activations(ships.network(lane), x)[:-1]])
        found.append(float(outputs.mean().abs() / outputs.square().mean().sqrt()))
    return found
