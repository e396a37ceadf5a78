"""The score against scikit-learn's own figures."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, balanced_accuracy_score, r2_score
from torch import nn

from babysit.checker.score import Score
from babysit.checker.tally import tally
from babysit.hosts.edits.stage import Call, Stage


def test_classes():
    torch.manual_seed(0)
    output, target = torch.randn(50, 4), torch.randint(4, (50,))
    found = tally(Call("cross_entropy", output, target))
    assert found.score == pytest.approx(accuracy_score(target, output.argmax(1)))
    assert found.balanced == pytest.approx(balanced_accuracy_score(target, output.argmax(1)))


def test_ignored_labels_and_sequences_count_as_they_should():
    output, target = torch.randn(3, 5, 7), torch.randint(5, (3, 7))
    target[0, :4] = -100
    found = tally(Call("cross_entropy", output, target))
    keep = target != -100
    assert found.count == float(keep.sum())
    assert found.score == pytest.approx(accuracy_score(target[keep], output.argmax(1)[keep]))


def test_yes_or_no():
    output, target = torch.randn(40, 3), torch.randint(2, (40, 3)).float()
    wanted = accuracy_score(target.reshape(-1), (output > 0).reshape(-1))
    assert tally(Call("binary_cross_entropy_with_logits", output, target)).score == pytest.approx(wanted)
    assert tally(Call("binary_cross_entropy", torch.sigmoid(output), target)).score == pytest.approx(wanted)


def test_numbers():
    output, target = torch.randn(60, 1), torch.randn(60, 1) * 3 + 100
    output = target + output
    found = tally(Call("mse_loss", output, target))
    assert found.score == pytest.approx(r2_score(target, output), abs=1e-6)
    assert tally(Call("mse_loss", output * math.nan, target)).score == -1.0
    assert tally(Call("mse_loss", output * 1e6, target)).score == -1.0


def train(score_of, *, validate, steps=30):
    torch.manual_seed(0)
    x = torch.randn(200, 5)
    y = (x[:, 0] > 0).long()
    model = nn.Linear(5, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with Stage() as stage:
        score = Score(stage)
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x[:100]), y[:100]).backward()
            optimizer.step()
        if validate:
            with torch.no_grad():
                F.cross_entropy(model(x[100:]), y[100:])
        return score, (model(x[100:]).argmax(1) == y[100:]).float().mean().item()


def test_validation_comes_before_training():
    score, held_out = train(Score, validate=True)
    assert score.kind == "validation accuracy"
    assert score.value == pytest.approx(held_out)


def test_without_validation_the_newest_training_examples_count():
    score, _ = train(Score, validate=False)
    assert score.kind == "training accuracy"
    assert score.value > 0.9
    assert [step for step, _ in score.curve] == [20]


def test_a_loss_of_ones_own_is_the_last_resort():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Stage() as stage:
        score = Score(stage)
        for _ in range(5):
            optimizer.zero_grad()
            (model(torch.ones(3, 2)) ** 2).mean().backward()
            optimizer.step()
        assert score.kind == "loss"
        assert score.value <= 0
