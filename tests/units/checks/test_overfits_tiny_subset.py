"""Which learning rates are tried, with trainings that are written by hand."""

from __future__ import annotations

import pytest

from babysit.checks.overfits_tiny_subset import overfits_tiny_subset
from babysit.record import Recipe, Run


def trained(loss):
    """A train function whose loss is `loss(lr)`, and the rates it was asked for."""
    asked = []

    def train(recipe, **more):
        if more["steps"]:
            asked.append(recipe.lr)
        value = loss(recipe.lr) if more["steps"] else 2.3
        return Run.of({"loss.train": [value], "loss.chance": [2.3], "accuracy.train": [float(value < 0.05)]})

    return train, asked


@pytest.mark.parametrize(
    ("loss", "passed", "rates"),
    [
        (lambda lr: 0.01, True, [1e-5]),
        (lambda lr: 0.01 if lr > 5e-3 else 1.0 - lr, True, [1e-5, 1e-4, 1e-3, 1e-6, 1e-2]),
        (lambda lr: 2.3, False, [1e-5, 1e-4, 1e-3, 1e-6]),
        (lambda lr: 1.0 if lr > 5e-5 else 2.3, False, [1e-5, 1e-4, 1e-3, 1e-6]),
        (lambda lr: 1.0 - lr, False, [1e-5, 1e-4, 1e-3, 1e-6, 1e-2, 1e-1]),
    ],
)
def test_the_rate_climbs_while_that_helps(loss, passed, rates):
    train, asked = trained(loss)
    outcome = overfits_tiny_subset(Recipe(lr=1e-5), train)
    assert outcome.passed is passed
    assert asked == pytest.approx(rates)
