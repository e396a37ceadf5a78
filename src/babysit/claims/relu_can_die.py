"""ReLU units that stop firing, and never come back."""

from __future__ import annotations

from ..views.panel import Axis, Limit, Panel
from ._claim import claim
from ._dying import RATES, dying
from ._lecture import ACTIVATIONS, LU_2019
from ._networks import dead, fleet, mlps
from ._panels import spread
from ._verdict import Criterion, Measured


@claim(
    ACTIVATIONS, paper=LU_2019, order=6,
    parts=True,
    criteria={
        "a rate too high": Criterion("dead units after training at a rate too high", low=0.1, share=True),
        "a bad init": Criterion("dead units after training, of biases that start at -5", low=0.1, share=True),
        "the best rate": Criterion("dead units after training at the best rate", high=0.1, share=True),
    },
)  # fmt: skip
def relu_can_die(data, *, seeds, quick):
    """ReLU units can die, by a rate too high or by the init.

    Two ReLU layers of 64 on standardized rows, SGD with momentum 0.9 at rates from 0.01 to 1 with He's init, and at
    lr = 0.01 with hidden biases that start at -5. A unit is dead when it is 0 for every training example. A rate is
    too high from where training accuracy ends below 0.9 times that at the best rate.

    Criterion: more than 10 % of the units are dead after training at the lowest rate that is too high; more than 10 %
    with biases of -5; and less than 10 % at the best rate.
    """
    rows = data.rows()
    steps = 150 if quick else 500
    found = dying(rows, seeds, "relu", steps)
    sunk = fleet([mlps(rows, seeds, width=64, bias=-5.0)], seeds, lr=0.01)
    sunk.train(rows.x, rows.y, steps, every=steps)
    high, best = RATES[found.too_high], RATES[found.best]
    figure = Panel(
        "Dead ReLU units after training", spread("dead", RATES, found.shares.T, "bad"), x=Axis("learning rate", log=True),
        y=Axis("dead units", share=True, low=0, high=1),
        limits=[Limit(best, "best", "x", "good"), Limit(high, "too high", "x"), Limit(0.1, "the bar", tone="note")],
    )  # fmt: skip
    return Measured(
        {
            "a rate too high": found.shares[found.too_high],
            "a bad init": [dead(sunk.network(lane), rows.x) for lane in range(sunk.lanes)],
            "the best rate": found.shares[found.best],
        },
        figure,
        "One large step can throw a unit's weights to where it is negative for all the data; there its derivative is 0, so "
        "no later step can bring it back. A large negative bias puts it there from the start.",
        beside="The lecture: as much as 40 % of a network can be dead if the rate is too high.",
    )  # fmt: skip
