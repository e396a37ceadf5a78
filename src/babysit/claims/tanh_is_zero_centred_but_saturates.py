"""Tanh's outputs lie around zero; far from zero its gradient is gone all the same."""

from __future__ import annotations

import torch

from ..nn import depth_profile
from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._lecture import ACTIVATIONS, LECUN_1998
from ._networks import mlps
from ._panels import spread
from ._verdict import Criterion, Measured

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@claim(
    ACTIVATIONS, paper=LECUN_1998, order=4,
    parts=True,
    criteria={
        "zero-centred": Criterion("|mean| / std of a tanh layer's outputs", high=0.1),
        "saturates": Criterion("units saturated under weights 4 times Xavier's", low=0.5, share=True),
    },
)  # fmt: skip
def tanh_is_zero_centred_but_saturates(data, *, seeds, quick):
    """Tanh is zero-centred, and saturates all the same.

    Three tanh layers of 100 units on standardized rows, weights Xavier's times 1/4 to 8; the last layer's outputs are
    measured at the start, beside a sigmoid's.

    Criterion: |mean| / std of the outputs is at most 0.1 with Xavier's weights; and with weights 4 times as large at least
    50 % of the outputs are saturated (derivative below 5 % of its peak).
    """
    rows = data.rows().first(300 if quick else 1000)
    shares, centred = [[] for _ in seeds], []
    for index, seed in enumerate(seeds):
        for scale in SCALES:
            (net,) = mlps(rows, [seed], how="xavier", gain=scale, activation="tanh", width=100, depth=3)
            last = depth_profile(net, rows.x)[-1]
            shares[index].append(last.saturated)
            if scale == 1.0:
                centred.append(abs(last.mean) / last.std)
    others = [mlps(rows, [seed], how="xavier", activation="sigmoid", width=100, depth=3)[0] for seed in seeds]
    sigmoid = [depth_profile(net, rows.x)[-1] for net in others]
    figure = Panel(
        "Saturated tanh units of the third layer, by the size of the weights", spread("saturated", SCALES, shares, "bad"),
        x=Axis("weights, in units of Xavier's", log=True), y=Axis("saturated", share=True, low=0, high=1), limits=[Limit(0.5, "the bar, at 4 ×")],
    )  # fmt: skip
    off = float(torch.tensor([abs(one.mean) / one.std for one in sigmoid]).mean())
    return Measured(
        {"zero-centred": centred, "saturates": [row[SCALES.index(4.0)] for row in shares]}, figure,
        "Tanh is odd, so inputs spread around zero give outputs spread around zero (a sigmoid's mean here is "
        f"{off:.0f} standard deviations away from it). But it flattens at both ends just as the sigmoid does: what goes in "
        "must stay small, and large weights push it out of that range.",
    )  # fmt: skip
