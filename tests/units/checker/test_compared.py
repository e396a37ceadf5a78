"""What a program compares by hand is its validation; everything else that it compares is not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from babysit.checker.score import Score
from babysit.hosts.edits.stage import Stage

X = torch.randn(120, 5, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


def trained(validate, criterion="cross_entropy", outputs=2, target=Y, **options):
    torch.manual_seed(0)
    model = nn.Linear(5, outputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with Stage() as stage:
        score = Score(stage, **options)
        for _ in range(20):
            optimizer.zero_grad()
            getattr(F, criterion)(model(X[:60]), target[:60]).backward()
            optimizer.step()
        wanted = validate(model)
    return score, wanted


def by_hand(model):
    model.eval()
    with torch.no_grad():
        return (model(X[60:]).argmax(1) == Y[60:]).float().mean().item()


def test_accuracy_by_hand():
    score, wanted = trained(by_hand)
    assert score.kind == "validation accuracy"
    assert score.value == pytest.approx(wanted)


def test_accuracy_gathered_over_batches():
    def gathered(model):
        right = 0
        with torch.inference_mode():
            for start in (60, 90):
                right += model(X[start : start + 30]).argmax(1).eq(Y[start : start + 30]).sum().item()
        return right / 60

    score, wanted = trained(gathered)
    assert score.value == pytest.approx(wanted)


def test_explained_variance_by_hand():
    target = X[:, :1] * 2 + 3

    def squared(model):
        with torch.no_grad():
            error = ((model(X[60:]) - target[60:]) ** 2).mean()
        return 1 - float(error / target[60:].var(correction=0))

    score, wanted = trained(squared, "mse_loss", 1, target)
    assert score.kind == "validation R²"
    assert score.value == pytest.approx(wanted, abs=1e-5)


def test_scikit_learn_is_heard():
    from sklearn import metrics

    def asked(model):
        with torch.no_grad():
            return metrics.accuracy_score(Y[60:].numpy(), model(X[60:]).argmax(1).numpy())

    score, wanted = trained(asked)
    assert score.kind == "validation accuracy"
    assert score.value == pytest.approx(wanted)


@pytest.mark.parametrize(
    "no_validation",
    [
        lambda model: (model(X[60:]).argmax(1) == Y[60:]).sum(),  # gradients are on: it may be a training step
        lambda model: (X[60:, :1] == X[60:, :1].clone()).sum(),  # no model ran without gradients
        lambda model: None,
    ],
)
def test_other_comparisons_are_not_validation(no_validation):
    score, _ = trained(no_validation)
    assert score.kind == "training accuracy"


def test_values_that_are_no_labels_dont_count():
    def masks(model):
        with torch.no_grad():
            out = model(X[60:])
            return (out == out.clone()).all()

    score, _ = trained(masks)
    assert score.kind == "training accuracy"


def test_balanced_scores_need_labels_of_the_criterion():
    score, _ = trained(by_hand, balanced=True)
    assert score.kind == "training mean recall"


def test_a_loss_below_zero_tells_nothing():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Stage() as stage:
        score = Score(stage)
        (-model(torch.ones(3, 2)).exp().mean()).backward()
        optimizer.step()
    assert score.kind == "nothing"
    assert score.value != score.value


def test_several_tasks_count_alike():
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    target = X[:, :1]
    with Stage() as stage:
        score = Score(stage)
        for _ in range(30):
            out = model(X)
            optimizer.zero_grad()
            (F.cross_entropy(out[:, :2], Y) + F.mse_loss(out[:, 2:], target)).backward()
            optimizer.step()
        with torch.no_grad():
            out = model(X)
            F.cross_entropy(out[:, :2], Y)
            F.mse_loss(out[:, 2:], target)
            accuracy = (out[:, :2].argmax(1) == Y).float().mean().item()
            r2 = 1 - float(((out[:, 2:] - target) ** 2).mean() / target.var(correction=0))
    assert score.kind == "validation accuracy and R²"
    assert score.value == pytest.approx((accuracy + r2) / 2, abs=1e-5)
