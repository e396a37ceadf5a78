"""What is lost again after a good start, and evaluation mode that is meant."""

from __future__ import annotations

import numpy as np
import pytest

from babysit.record import Run
from babysit.rules.learning_rate_too_high import learning_rate_too_high
from babysit.rules.training_in_eval_mode import training_in_eval_mode

LN4 = float(np.log(4))


def course(end, first_step):
    """A loss that falls from ln 4 to 0.45 and rises to `end`, after first steps of a size."""
    down, up = np.linspace(LN4, 0.45, 60), np.linspace(0.45, end, 240)
    flat = np.full(100, end)
    loss = np.concatenate([down, up, flat]) + 0.02 * (-1.0) ** np.arange(400)
    ratio = np.concatenate([np.full(10, first_step), np.full(390, 0.01)])
    return Run.of(
        {"loss.train": loss, "loss.chance": [LN4] * 400, "update.ratio": {"0.weight": ratio}},
        facts={
            "task": {"kind": "classes", "classes": 4},
            "criteria": [{"kind": "CrossEntropyLoss"}],
            "parameters": [{"name": "0.weight", "shape": [8, 8]}],
        },
    )


@pytest.mark.parametrize(
    ("end", "first_step", "said"), [(1.27, 0.3, True), (1.27, 0.01, False), (0.8, 0.3, False), (0.45, 0.3, False)]
)
def test_most_of_a_gain_lost_again_after_large_first_steps(end, first_step, said):
    assert bool(list(learning_rate_too_high(course(end, first_step)))) == said


@pytest.mark.parametrize(("head_frozen", "severity"), [(True, "info"), (False, "warning")])
def test_an_encoder_that_is_frozen_after_its_own_training_may_be_evaluated(head_frozen, severity):
    rows = [
        {"name": "encoder.1.weight", "kind": "norm", "requires_grad": False},
        {"name": "encoder.5.weight", "kind": "norm", "requires_grad": not head_frozen},
    ]
    run = Run.of({"mode.train": [1.0] * 20 + [0.0] * 20}, facts={"parameters": rows})
    (finding,) = training_in_eval_mode(run)
    assert finding.severity == severity
