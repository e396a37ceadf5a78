"""Many short trials first, then long ones around the best, against long ones everywhere."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis, Dots, Panel
from ._claim import claim
from ._landscape import DECAY, LR, log_uniform, trained
from ._lecture import BERGSTRA_2012, SEARCH
from ._networks import by_seed
from ._verdict import GAIN, Criterion, Measured


@claim(
    SEARCH, paper=BERGSTRA_2012, order=3, heavy=True,
    criteria={
        "few trials": Criterion("test accuracy of the chosen, coarse to fine - one stage, 6 full trainings' worth", low=GAIN, points=True),
        "many trials": Criterion("the same with 24 full trainings' worth", low=GAIN, points=True),
    },
)  # fmt: skip
def coarse_to_fine_pays(data, *, seeds, quick):
    """Searching coarse to fine pays.

    The lecture's two-layer network of 50 on standardized rows, at equal cost in steps: one stage of random trials over rates from 1e-5 to 10 and decays from 1e-6 to 0.1, against a first
    stage of as many trials as twice the budget but a quarter as long, and a second, full-length one in a box of a decade and a half
    around the median of the best three, for the rest. What is best on validation data is judged on test data; sixteen searches a seed (fewer on wide rows).

    Criterion: the chosen network's test accuracy is more than 0.5 points higher coarse to fine, with 6 full trainings' worth of
    steps and with 24.
    """
    rows = data.rows()
    steps, repeats = (80, 1) if quick else (200, data.often(16))
    searches = [(seed, repeat) for repeat in range(repeats) for seed in seeds]
    values: dict[str, np.ndarray] = {}
    reached, shown = [], []
    for name, budget in (("few trials", 6), ("many trials", 24)):
        draws = [np.random.default_rng([seed, 41, repeat]) for seed, repeat in searches]
        wide = [(LR, DECAY)] * len(searches)
        one = _stages(rows, draws, searches, steps, wide, budget)
        coarse = _stages(rows, draws, searches, steps // 4, wide, 2 * budget)
        boxes = [(_box(stage, LR, 0), _box(stage, DECAY, 1)) for stage in coarse]
        fine = _stages(rows, draws, searches, steps, boxes, budget // 2)
        values[name] = by_seed([_chosen(after) - _chosen(before) for before, after in zip(one, fine)], seeds)
        reached.append([[stage[2].max() for stage in both] for both in (coarse, fine)])
        shown = [coarse[0], fine[0]]
    (lr, decay, val, _), (lr2, decay2, val2, _) = shown
    figure = Panel(
        "One search: coarse, then fine", [Dots("coarse and fine", np.log10(np.concatenate([lr, lr2])), np.log10(np.concatenate([decay, decay2])),
                                              np.concatenate([val, val2]).clip(0), label="validation accuracy", share=True)],
        x=Axis("learning rate, exponent of ten"), y=Axis("decay, exponent of ten"), height=320,
    )  # fmt: skip
    first, second = np.mean(reached, (0, 2))
    return Measured(
        values, figure,
        "Short trainings are cheap and tell good regions from hopeless ones; full trainings are then spent where they count. What can go wrong "
        "is that a short training favours high rates over what is best in the end, and that with few trials the box is drawn around luck.",
        beside=f"The lecture, CIFAR-10: a coarse search over 5 epochs reaches about 41 %, the finer one about 53 %. "
        f"Here the best validation accuracy is {first:.1%} coarse and {second:.1%} fine.",
    )  # fmt: skip


def _stages(rows, draws, searches, steps, boxes, count):
    """For each search (lr, decay, validation score, test accuracy), (count,) each; all their trials side by side."""
    drawn = [
        [log_uniform(draw, ends, count) for ends in box] for draw, box in zip(draws, boxes, strict=True)
    ]  # rates first, then decays
    lr, decay = (np.concatenate([one[k] for one in drawn]) for k in (0, 1))
    found = trained(rows, lr, decay, [seed for seed, _ in searches for _ in range(count)], steps, width=50, depth=1)
    score = found.val - 1e-6 * found.val_loss
    cut = [slice(k * count, (k + 1) * count) for k in range(len(searches))]
    return [(lr[one], decay[one], score[one], found.test[one]) for one in cut]


def _chosen(stage):
    return stage[3][stage[2].argmax()]


def _box(stage, ends, which, decades=1.5):
    best = np.argsort(-stage[2])[:3]
    centre = float(np.median(np.log10(stage[which][best])))
    return (max(ends[0], 10 ** (centre - decades / 2)), min(ends[1], 10 ** (centre + decades / 2)))
