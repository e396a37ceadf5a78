"""Where ReLU units die, leaky ones go on learning."""

from __future__ import annotations

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._dying import RATES, dying
from ._lecture import ACTIVATIONS, MAAS_2013
from ._networks import by_seed, fleet, many, mlps
from ._panels import spread
from ._verdict import GAIN, Criterion, Measured


@claim(
    ACTIVATIONS, paper=MAAS_2013, order=8,
    parts=True,
    criteria={
        "none dies": Criterion("leaky units without any gradient, at the highest rate where all stay finite", high=0.01, share=True),
        "accuracy": Criterion("validation accuracy at a rate too high for ReLU, leaky - ReLU", low=GAIN, points=True),
    },
)  # fmt: skip
def leaky_relu_does_not_die(data, *, seeds, quick):
    """Leaky ReLU units don't die, and that is worth something where ReLU units do.

    The networks of relu-can-die, with slope 0.01 below zero and without; a unit is dead when its derivative is 0 for every
    training example. A rate is too high for ReLU from where training accuracy is below 0.9 times the best rate's;
    at that rate other networks are trained, twenty a seed, for what happens there is chancy.

    Criterion: less than 1 % of the leaky units are dead after training at the highest of the rates at which all leaky
    networks keep finite weights; and at the lowest rate that is too high for ReLU the leaky network's validation accuracy is
    more than 0.5 points above ReLU's (one that exploded counts by what it gives).
    """
    rows = data.rows()
    steps = 150 if quick else 500
    relu, leaky = (dying(rows, seeds, name, steps) for name in ("relu", "leaky_relu"))
    at, finite = relu.too_high, leaky.highest_finite
    own = many([seed + 500 for seed in seeds], data.often(5 if quick else 20))
    scores = {}
    for name in ("relu", "leaky_relu"):
        ships = fleet([mlps(rows, own, width=64, activation=name)], own, lr=RATES[at])
        ships.train(rows.x, rows.y, steps, every=steps)
        scores[name] = by_seed(ships.accuracy(rows.val_x, rows.val_y), seeds)
    marks = [*spread("relu", RATES, relu.shares.T, "bad"), *spread("leaky", RATES, leaky.shares.T, "blue")]
    figure = Panel(
        "Dead units after training", marks, x=Axis("learning rate", log=True), y=Axis("dead units", share=True, low=-0.02, high=1),
        limits=[Limit(RATES[at], "too high for ReLU", "x"), Limit(RATES[finite], "leaky stays finite", "x", "blue")],
    )  # fmt: skip
    return Measured(
        {"none dies": leaky.shares[finite], "accuracy": scores["leaky_relu"] - scores["relu"]}, figure,
        "Below zero the slope is 0.01 and not 0, so that some gradient always reaches the weights and a unit that was thrown "
        f"far off can come back. At lr = {RATES[at]:g}, where {relu.shares[at].mean():.0%} of the ReLU units are dead, "
        f"validation accuracy is {scores['leaky_relu'].mean():.1%} with the leak and {scores['relu'].mean():.1%} without. "
        "Dead units also work as a fuse: at still higher rates a ReLU network goes dark, where a leaky one, that lets everything "
        "through, explodes.",
    )  # fmt: skip
