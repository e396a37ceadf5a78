"""The learning rate range test: from "the loss barely changes" to "the loss explodes"."""

from __future__ import annotations

import numpy as np

from ..facts import items, mapping, real
from ..panel import Axis, Band, Line, Panel, Value, panel
from ..words import number


@panel("fact:range_test", order=12)
def range_test(run):
    """The loss against a learning rate that rises: too low, good, high and very high are shaded.

    Reads the fact `range_test`: {"lr": [...], "loss": [...], "low": the loss begins to fall, "high": it explodes}.

    Source: CS231n, Neural Networks 3; Smith 2017.
    """
    fact = mapping(run, "range_test")
    rates, losses = (
        np.array([np.nan if real(one) is None else one for one in items(fact.get(name))], float)
        for name in ("lr", "loss")
    )
    low, high = real(fact.get("low")), real(fact.get("high"))
    if len(rates) < 3 or len(rates) != len(losses) or not low or not high:
        return None
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return None
    top = float(np.median(finite[:5])) * 1.6
    good = high / 3
    bands = [Band(float(rates[0]), low, "too low", "x", "note"), Band(low, good, "good", "x", "good"),
             Band(good, high, "high", "x", "orange"), Band(high, float(rates[-1]), "very high", "x", "bad")]  # fmt: skip
    line = Line("loss", rates, np.where(np.isfinite(losses), losses, top * 10), "blue", label=False)
    return Panel("Learning rate range", [line], x=Axis("learning rate", log=True), y=Axis("loss", high=top * 1.05, low=min(0.0, float(finite.min()))),
                 bands=bands, values=[Value("good", f"{number(low, 2)} to {number(good, 2)}", "good")],
                 note="The loss of one short training while the rate rises.")  # fmt: skip
