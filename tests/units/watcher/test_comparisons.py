"""The script's own scoring is heard: the accuracy where no criterion tells it, and comparisons that can't be right."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit

torch.manual_seed(0)
X = torch.randn(160, 6)
Y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
OUTPUTS = {3: Y, 1: (X[:, 0] > 0).long()}


def run(score, classes=3, epochs=4, during=None):
    """Train on the first 128 examples, score the others after each epoch; `score(model, x, y)` gives the true share too."""
    torch.manual_seed(2)
    y = OUTPUTS[classes]
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, classes))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    shares = []
    with babysit.watch(overhead="all") as w:
        for _ in range(epochs):
            model.train()
            for at in range(0, 128, 16):
                out = model(X[at : at + 16])
                target = y[at : at + 16]
                loss = (
                    F.cross_entropy(out, target)
                    if classes > 1
                    else F.binary_cross_entropy_with_logits(out[:, 0], target.float())
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if during is not None:
                    during(out, target)
            model.eval()
            with torch.no_grad():
                shares.append(score(model, X[128:], y[128:]))
    assert not [one.detail["text"] for one in w.run.events_of("warning")]
    return w.run, shares


def halves(model, x, y, right):
    """Over two batches."""
    return sum(int(right(model(x[at : at + 16]), y[at : at + 16]).sum()) for at in (0, 16)) / 32


RIGHT = {
    "argmax": lambda out, y: out.argmax(1) == y,
    "indices": lambda out, y: torch.max(out, 1)[1].eq(y),
    "kept axis": lambda out, y: out.max(1, keepdim=True)[1].eq(y.view(-1, 1)),
    "best two": lambda out, y: out.topk(2)[1].t().eq(y.view(1, -1).expand(2, -1))[:1],
    "floats": lambda out, y: out.softmax(1).argmax(-1).float() == y.float(),
    "wrong ones": lambda out, y: ~torch.ne(y, out.argmax(dim=1)),
}


@pytest.mark.parametrize("how", RIGHT)
def test_the_accuracy_of_a_pass_without_a_criterion(how):
    record, shares = run(lambda model, x, y: halves(model, x, y, RIGHT[how]))
    assert record.series("accuracy.val").values.tolist() == pytest.approx(shares)
    assert max(shares) > 0.6
    assert record.fact("metric") is None


@pytest.mark.parametrize("how", ["sigmoid", "logits"])
def test_yes_or_no(how):
    def right(out, y):
        return ((out.sigmoid() > 0.5).squeeze() == y) if how == "sigmoid" else ((out[:, 0] > 0).float() == y.float())

    record, shares = run(lambda model, x, y: halves(model, x, y, right), classes=1)
    assert record.series("accuracy.val").values.tolist() == pytest.approx(shares)


def test_a_whole_pass_put_together():
    def score(model, x, y):
        guesses = torch.cat([model(x[at : at + 8]).argmax(1) for at in range(0, 32, 8)])
        return float((guesses == y).float().mean())

    record, shares = run(score)
    assert record.series("accuracy.val").values.tolist() == pytest.approx(shares)


def test_a_criterion_tells_better():
    def score(model, x, y):
        out = model(x)
        F.cross_entropy(out, y)
        return float((out.argmax(1) == y).float().mean())

    record, shares = run(score)
    assert record.series("accuracy.val").values.tolist() == pytest.approx(shares)
    assert record.has("loss.val")


def test_what_is_no_prediction_is_no_score():
    record, _ = run(lambda model, x, y: float((model(x).argmin(1) == y).float().mean()))
    assert not record.has("accuracy.val")
    record, _ = run(lambda model, x, y: float((y == y.roll(1)).float().mean() + model(x).sum()))
    assert not record.has("accuracy.val")


WRONG = {
    "broadcast": lambda out, y: out.argmax(1, keepdim=True) == y,
    "scores": lambda out, y: out.max(1).values == y,
    "axis": lambda out, y: out.argmax(0).sum() == y,
}


@pytest.mark.parametrize("problem", WRONG)
def test_a_comparison_that_can_not_be_right(problem):
    record, _ = run(lambda model, x, y: halves(model, x, y, WRONG[problem]))
    assert record.fact("metric")["problem"] == problem
    assert (
        record.fact("metric")["source"].startswith(f"{__file__.rpartition('/')[2][:-3]}")
        or "test_comparisons" in record.fact("metric")["source"]
    )
    assert [one.id for one in babysit.diagnose(record).findings if one.severity == "error"] == ["metric-miscomputed"]


@pytest.mark.parametrize("problem", WRONG)
def test_and_in_the_training_loop(problem):
    record, _ = run(lambda model, x, y: 0.0, during=WRONG[problem])
    assert record.fact("metric")["problem"] == problem


def test_pairs_of_labels_and_both_directions_of_a_square_are_fine():
    def during(out, y):
        y.view(-1, 1) == y.view(1, -1)  # noqa: B015
        square = out @ out.T
        square.argmax(0) == torch.arange(16)  # noqa: B015
        out.argmax(0)

    record, _ = run(lambda model, x, y: halves(model, x, y, RIGHT["argmax"]), during=during)
    assert record.fact("metric") is None


def collected(shuffled, labels_too):
    """Answers of a whole pass of four batches, beside labels in the data set's order or in that of the batches."""

    def score(model, x, y):
        order = torch.randperm(len(x)) if shuffled else torch.arange(len(x))
        answers, labels = [], []
        for part in order.split(8):
            out = model(x[part])
            F.cross_entropy(out, y[part])
            answers.append(out.argmax(1))
            labels.append(y[part])
        right = torch.cat(answers) == (torch.cat(labels) if labels_too else y)
        return float(right.double().mean())

    return score


@pytest.mark.parametrize(("shuffled", "labels_too"), [(True, False), (True, True), (False, False)])
def test_labels_in_another_order_are_told(shuffled, labels_too):
    found, _ = run(collected(shuffled, labels_too))
    wrong = shuffled and not labels_too
    assert (found.fact("metric") or {}).get("problem") == ("order" if wrong else None)
    assert ("metric-miscomputed" in [one.id for one in found.findings]) == wrong
