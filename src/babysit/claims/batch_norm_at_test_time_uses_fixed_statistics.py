"""What goes wrong when batch norm uses the test batch's own statistics."""

from __future__ import annotations

import numpy as np
import torch

from ..views.panel import Axis
from ._claim import claim
from ._lecture import IOFFE_2015, NORMALIZATION
from ._networks import fleet, mlps
from ._panels import arms
from ._verdict import Criterion, Measured

LOST = "test accuracy lost to the batch's own statistics, {}"


@claim(
    NORMALIZATION, paper=IOFFE_2015, order=5,
    parts=True,
    criteria={
        "one at a time": Criterion(LOST.format("batches of one"), low=0.1, points=True),
        "two at a time": Criterion(LOST.format("batches of two"), low=0.1, points=True),
        "one class at a time": Criterion(LOST.format("sorted batches of 32"), low=0.1, points=True),
        "mixed batches": Criterion(LOST.format("mixed batches of 64"), low=-0.02, high=0.02, points=True),
    },
)  # fmt: skip
def batch_norm_at_test_time_uses_fixed_statistics(data, *, seeds, quick):
    """At test time batch norm must use fixed statistics, not those of the test batch.

    Two ReLU layers of 64 with batch norm, trained on standardized rows (SGD with momentum, lr = 0.02). The test set is judged with the
    running statistics, and with the batch's own: one example at a time (its spread taken as 0, for PyTorch refuses),
    two at a time, 32 of one class at a time, and in mixed batches of 64.

    Criterion: the batch's own statistics lose more than 10 points of accuracy in batches of one, of two, and of one class; in
    mixed batches of 64 they lie within 2 points (from -2 to 2).
    """
    rows = data.rows()
    steps = 150 if quick else 400
    ships = fleet([mlps(rows, seeds, width=64, norm="batch")], seeds, lr=0.02)
    ships.train(rows.x, rows.y, steps, every=steps)
    order = torch.argsort(rows.test_y, stable=True)
    count = len(order) // 2 * 2
    mixed = torch.arange(count)
    groups = {
        "fixed": None, "mixed batches": list(mixed.split(64)), "one class at a time": [part[k : k + 32] for c in range(rows.classes) for part in [order[rows.test_y[order] == c]] for k in range(0, len(part), 32)],
        "two at a time": list(mixed.split(2)), "one at a time": list(mixed.split(1)),
    }  # fmt: skip
    scores = {}
    for name, batches in groups.items():
        scores[name] = np.array([_accuracy(ships.network(lane), rows, batches) for lane in range(ships.lanes)])
    shown = {"fixed statistics" if name == "fixed" else name: one for name, one in scores.items()}
    wrong = dict.fromkeys(list(shown)[2:], "bad")
    figure = arms(
        "Test accuracy of the same networks", shown, Axis("test accuracy", share=True, low=0, high=1.0), wrong
    )
    return Measured(
        {name: scores["fixed"] - scores[name] for name in ("one at a time", "two at a time", "one class at a time", "mixed batches")}, figure,
        "With its own batch's statistics an example is judged by its company: alone it is exactly average in everything, so that "
        "the network says the same of all; among its own kind what makes it that kind is taken away. Large mixed batches look "
        "like the training's and hide the fault until they aren't.",
    )  # fmt: skip


@torch.no_grad()
def _accuracy(net, rows, batches):
    if batches is None:
        return float((net(rows.test_x).argmax(1) == rows.test_y).double().mean())
    right = total = 0
    for batch in batches:
        x = rows.test_x[batch]
        for module in net:
            if isinstance(module, torch.nn.BatchNorm1d):
                centred = x - x.mean(0)
                x = centred / (x.var(0, correction=0) + module.eps).sqrt() * module.weight + module.bias
            else:
                x = module(x)
        right += int((x.argmax(1) == rows.test_y[batch]).sum())
        total += len(batch)
    return right / total
