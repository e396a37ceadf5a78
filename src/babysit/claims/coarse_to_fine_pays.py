"""Many short trials first, then long ones around the best, against long ones everywhere."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Dots, Panel
from ._claim import claim
from ._landscape import DECAY, LR, log_uniform, trained
from ._lecture import BERGSTRA_2012, SEARCH
from ._verdict import Criterion, Measured


@claim(
    SEARCH, paper=BERGSTRA_2012, order=3, heavy=True,
    criteria={
        "few trials": Criterion("test accuracy of the chosen, coarse to fine - one stage, 6 full trainings' worth", low=0.0, points=True),
        "many trials": Criterion("the same with 24 full trainings' worth", low=0.0, points=True),
    },
)  # fmt: skip
def coarse_to_fine_pays(data, *, seeds, quick):
    """Searching coarse to fine pays.

    At equal cost in steps: one stage of random trials over rates from 1e-5 to 10 and decays from 1e-6 to 0.1, against a first
    stage of as many trials as twice the budget but a quarter as long, and a second, full-length one in a box of a decade and a half
    around the median of the best three, for the rest. What is best on validation data is judged on test data; four searches a seed.

    Criterion: the chosen network's test accuracy is more than 0 points higher coarse to fine, with 6 full trainings' worth of
    steps and with 24.
    """
    rows = data.rows()
    steps, repeats = (80, 1) if quick else (200, 4)
    values: dict[str, list[float]] = {}
    reached = []
    shown = []
    for name, budget in (("few trials", 6), ("many trials", 24)):
        gains = []
        for seed in seeds:
            both = []
            for repeat in range(repeats):
                draw = np.random.default_rng([seed, 41, repeat])
                one = _search(rows, draw, seed, steps, LR, DECAY, budget)
                coarse = _stage(rows, draw, seed, steps // 4, LR, DECAY, 2 * budget)
                box_lr, box_decay = _box(coarse, LR, 0), _box(coarse, DECAY, 1)
                fine = _stage(rows, draw, seed, steps, box_lr, box_decay, budget // 2)
                chosen = fine[3][fine[2].argmax()]
                both.append(chosen - one)
                reached.append((coarse[2].max(), fine[2].max()))
                shown = [coarse, fine] if name == "many trials" and not shown else shown
            gains.append(float(np.mean(both)))
        values[name] = gains
    (lr, decay, val, _), (lr2, decay2, val2, _) = shown
    figure = Panel(
        "One search: coarse, then fine", [Dots("coarse and fine", np.log10(np.concatenate([lr, lr2])), np.log10(np.concatenate([decay, decay2])),
                                              np.concatenate([val, val2]).clip(0), label="validation accuracy", share=True)],
        x=Axis("learning rate, exponent of ten"), y=Axis("decay, exponent of ten"), height=320,
    )  # fmt: skip
    first, second = np.mean(reached, 0)
    return Measured(
        values, figure,
        "Short trainings are cheap and tell good regions from hopeless ones; full trainings are then spent where they count. What can go wrong "
        "is that a short training favours high rates over what is best in the end, and that with few trials the box is drawn around luck.",
        beside=f"The lecture, CIFAR-10: a coarse search over 5 epochs reaches about 41 %, the finer one about 53 %. "
        f"Here the best validation accuracy is {first:.1%} coarse and {second:.1%} fine.",
    )  # fmt: skip


def _stage(rows, draw, seed, steps, lr_range, decay_range, count):
    lr, decay = log_uniform(draw, lr_range, count), log_uniform(draw, decay_range, count)
    found = trained(rows, lr, decay, [seed] * count, steps)
    return lr, decay, found.val - 1e-6 * found.val_loss, found.test


def _search(rows, draw, seed, steps, lr_range, decay_range, count):
    _, _, val, test = _stage(rows, draw, seed, steps, lr_range, decay_range, count)
    return test[val.argmax()]


def _box(stage, ends, which, decades=1.5):
    best = np.argsort(-stage[2])[:3]
    centre = float(np.median(np.log10(stage[which][best])))
    return (max(ends[0], 10 ** (centre - decades / 2)), min(ends[1], 10 ** (centre + decades / 2)))
