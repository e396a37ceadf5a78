"""A schedule that ends near zero does not hide a rate that was too low at its highest, and matrices that began at zero don't either."""

from __future__ import annotations

import numpy as np
import pytest

from babysit.record import Run
from babysit.rules.learning_rate_too_low import learning_rate_too_low

STEPS = 400
ROWS = [{"name": "0.weight", "shape": [8, 8], "start": {"mean": 0.0, "std": 0.1, "constant": False}},
        {"name": "1.weight", "shape": [8, 8], "start": {"mean": 0.0, "std": 0.0, "constant": True}}]  # fmt: skip


def decayed(ratio):
    share = np.linspace(1, 0.01, STEPS)
    return Run.of(
        {
            "loss.train": [2.303] * STEPS,
            "lr": list(0.01 * share),
            "update.ratio": {"0.weight": list(ratio * share), "1.weight": list(1 / np.arange(1, STEPS + 1))},
        },
        facts={"parameters": ROWS},
    )


@pytest.mark.parametrize(("ratio", "said"), [(1e-7, True), (1e-5, True), (1e-3, False)])
def test_the_highest_rate_of_a_schedule_counts(ratio, said):
    assert bool(list(learning_rate_too_low(decayed(ratio)))) == said
