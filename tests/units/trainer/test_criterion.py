"""Losses and scores, held against loops over examples in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from babysit import Recipe
from babysit.errors import RecipeError
from babysit.trainer.criterion import chance, criterion, hinge, mse, score, uniform


def test_hinge_is_the_sum_over_wrong_classes_of_the_lecture():
    random = np.random.default_rng(0)
    scores, targets = random.normal(size=(20, 5)) * 3, random.integers(0, 5, 20)
    expected = np.mean(
        [sum(max(0.0, s[j] - s[y] + 1) for j in range(5) if j != y) for s, y in zip(scores, targets, strict=True)]
    )
    assert float(hinge(torch.tensor(scores), torch.tensor(targets))) == pytest.approx(expected)


def test_hinge_of_the_lectures_three_images():
    scores = torch.tensor([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    each = [float(hinge(row[None], torch.tensor([label]))) for label, row in enumerate(scores)]
    assert each == pytest.approx([2.9, 0.0, 12.9], abs=1e-5)


def test_label_smoothing_is_told_to_the_loss():
    outputs, targets = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 4
    smooth = criterion(Recipe(label_smoothing=0.2), "classification")(outputs, targets)
    log_p = outputs.log_softmax(1)
    wanted = torch.full_like(log_p, 0.05).scatter(1, targets[:, None], 0.85)
    assert float(smooth) == pytest.approx(float(-(wanted * log_p).sum(1).mean()), rel=1e-5)


def test_mse_never_broadcasts_a_column_against_a_row():
    outputs, targets = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1.0, 2.0, 5.0])
    assert float(mse(outputs, targets)) == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("recipe", "task"),
    [
        (Recipe(loss="mse"), "classification"),
        (Recipe(loss="hinge"), "regression"),
        (Recipe(loss="hinge", label_smoothing=0.1), "classification"),
        (Recipe(label_smoothing=0.1), "regression"),
    ],
)
def test_losses_that_cannot_judge_the_task_are_refused(recipe, task):
    with pytest.raises(RecipeError, match="loss"):
        criterion(recipe, task)


def test_chance_and_uniform():
    targets = np.array([0] * 30 + [1] * 10)
    assert uniform("cross_entropy", targets, 2) == pytest.approx(math.log(2))
    assert chance("cross_entropy", targets, 2) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert chance("hinge", targets, 10) == uniform("hinge", targets, 10) == 9
    assert chance("mse", np.array([1.0, 3.0]), 0) == 1.0


def test_r2_is_scikit_learns():
    from sklearn.metrics import r2_score

    random = np.random.default_rng(1)
    targets = random.normal(size=50)
    outputs = targets + random.normal(size=50) * 0.4
    got = score(torch.tensor(outputs)[:, None], torch.tensor(targets), "regression")
    assert float(got) == pytest.approx(r2_score(targets, outputs))
