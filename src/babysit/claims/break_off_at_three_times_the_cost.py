"""Breaking off a trial whose cost passes three times its first."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Limit, Line, Panel, Value
from ._claim import claim
from ._landscape import DECAY, LR, log_uniform, trained
from ._lecture import JAMIESON_2016, SEARCH
from ._verdict import GAIN, Criterion, Measured

BREAK = 3.0


@claim(
    SEARCH, paper=JAMIESON_2016, order=1,
    parts=True,
    criteria={
        "the best survives": Criterion("best validation accuracy, kept - broken off but trained on all the same", low=GAIN, points=True),
        "it saves time": Criterion("training steps saved", low=0.05, share=True),
    },
)  # fmt: skip
def break_off_at_three_times_the_cost(data, *, seeds, quick):
    """Breaking a trial off when its cost passes 3 times its first saves time, and doesn't lose the best.

    Random trials per seed (rate log-uniform from 1e-5 to 10, decay from 1e-6 to 0.1), two layers of 32 on standardized rows. A
    trial is broken off where the mean cost (loss plus penalty) of a tenth of its training passes 3 times the first. To see what is lost
    those are trained to their end all the same.

    Criterion: the best of what is kept is more than 0.5 points of validation accuracy above the best of what is broken off; and more than 5 % of all
    steps are saved.
    """
    rows = data.rows()
    count, steps = (20, 100) if quick else (60, 250)
    ahead, saved, example = [], [], []
    for seed in seeds:
        draw = np.random.default_rng([seed, 39])
        lr = log_uniform(draw, LR, count)
        found = trained(rows, lr, log_uniform(draw, DECAY, count), [seed] * count, steps)
        with np.errstate(invalid="ignore"):
            over = ~(found.curves <= BREAK * found.first)
        broken = over.any(0)
        at = np.where(broken, found.steps[over.argmax(0)], steps)
        saved.append(1 - at.sum() / (count * steps))
        ahead.append(found.val[~broken].max(initial=0.0) - found.val[broken].max(initial=0.0))
        example = example or [found, broken]
    found, broken = example
    curves = np.where(np.isfinite(found.curves), found.curves / found.first, np.nan)
    marks = [Line("kept", found.steps, curves[:, one], "blue", "faint", label=False) for one in np.flatnonzero(~broken)]
    marks += [
        Line("broken off", found.steps, curves[:, one].clip(1e-3, 1e3), "bad", "faint", label=False)
        for one in np.flatnonzero(broken)
    ]
    best = int(found.val.argmax())
    marks.append(Line("the best", found.steps, curves[:, best].clip(1e-3), "green"))
    figure = Panel(
        "Cost against the first, one seed's trials", marks, y=Axis("cost / first cost", log=True, low=1e-3, high=1e3), limits=[Limit(BREAK, "3 × the first")],
        values=[Value("broken off", f"{broken.sum()} of {len(broken)}", "bad"), Value("saved", f"{np.mean(saved):.0%}")],
    )  # fmt: skip
    return Measured(
        {"the best survives": ahead, "it saves time": saved}, figure,
        f"A cost that triples comes from a rate that throws the weights about, and what comes down again from there rarely ends best. The higher "
        f"the range of rates reaches, the more trials explode and the more is saved: {np.mean(saved):.0%} here. The best was lost in {sum(one < 0 for one in ahead)} of {len(ahead)} searches.",
    )  # fmt: skip
