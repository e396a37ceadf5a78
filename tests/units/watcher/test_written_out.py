"""Criteria written out by hand are known again, with the output and target that they were given."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from babysit.watcher import watch
from babysit.watcher.kept import marked
from babysit.watcher.written_out import written_out

Y = torch.tensor([0.3, -1.0, 2.0, 0.1, 0.9])
K = torch.tensor([0, 2, 1, 3, 2])


def known(make, width=1):
    torch.manual_seed(0)
    output = nn.Linear(3, width)(torch.randn(5, 3))
    mark = marked(output)
    return output.detach(), written_out(make(output), output.detach(), mark)


@pytest.mark.parametrize(
    ("name", "reduction", "make"),
    [
        ("mse_loss", "mean", lambda o: ((o.squeeze(1) - Y) ** 2).mean()),
        ("mse_loss", "mean", lambda o: (Y - o.squeeze()).pow(2).sum() / 5),
        ("mse_loss", "mean", lambda o: 0.5 * torch.square(o - Y[:, None]).mean()),
        ("mse_loss", "sum", lambda o: ((off := o[:, 0] - Y) * off).sum()),
        ("mse_loss", "mean", lambda o: -((o.view(-1) - Y) ** 2).mean() + 0.1),
        ("l1_loss", "mean", lambda o: (Y[:, None] - o).abs().mean()),
    ],
)
def test_regression(name, reduction, make):
    output, call = known(make)
    assert call.name == name
    assert call.options == {"reduction": reduction}
    assert call.output.reshape(-1).tolist() == output.reshape(-1).tolist()
    assert call.target.reshape(-1).tolist() == pytest.approx(Y.tolist(), abs=1e-6)
    assert call.value.item() == pytest.approx(
        getattr(F, name)(output.reshape(-1), Y, reduction=reduction).item(), rel=1e-5
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda o: -torch.log_softmax(o, 1)[torch.arange(5), K].mean(),
        lambda o: -torch.log(torch.softmax(o, 1)).gather(1, K[:, None]).mean(),
        lambda o: -F.log_softmax(o, -1).gather(1, K.unsqueeze(1)).squeeze(1).sum() / 5,
    ],
)
def test_classes(make):
    output, call = known(make, width=4)
    assert call.name == "cross_entropy"
    assert call.target.tolist() == K.tolist()
    assert call.value.item() == pytest.approx(F.cross_entropy(output, K).item(), rel=1e-5)


def test_what_every_output_minus_every_target_gives_is_known_as_such():
    _, call = known(lambda o: ((o - Y) ** 2).mean())
    assert call.output.shape == (5, 1)
    assert call.target.shape == (5,)
    assert call.target.tolist() == pytest.approx(Y.tolist(), abs=1e-6)
    _, call = known(lambda o: ((Y[:, None] - o.squeeze(1)) ** 2).mean())
    assert call.target.tolist() == pytest.approx(Y.tolist(), abs=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: (o**2).mean(),  # no target
        lambda o: ((o.tanh() - Y[:, None]) ** 2).mean(),  # not the output itself
        lambda o: (((o - Y[:, None]) ** 2) * Y[:, None]).mean(),  # weighted: not what the function gives
        lambda o: (o * Y[:, None]).sum(),
        lambda o: ((o.exp() - o) ** 2).mean(),
    ],
)
def test_what_is_none_is_not_taken_for_one(make):
    assert known(make)[1] is None


def test_a_policy_gradient_is_no_cross_entropy():
    assert known(lambda o: -(torch.log_softmax(o, 1)[torch.arange(5), K] * Y).mean(), width=4)[1] is None


def test_a_watched_training_has_its_score_then():
    torch.manual_seed(0)
    x = torch.randn(640, 4)
    y = x[:, :1] * 2 - x[:, 1:2]
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, overhead="all") as w:
        for batch in torch.randperm(640).split(32) * 2:
            optimizer.zero_grad()
            ((model(x[batch]) - y[batch]) ** 2).mean().backward()
            optimizer.step()
    (criterion,) = w.run.facts["criteria"]
    assert criterion["kind"] == "MSELoss"
    assert "test_written_out.py:" in criterion["source"]
    assert w.run.last("r2.train") > 0.9
    assert not w.run.has("loss.criterion")  # it is what backward was called on
