"""Copies that are evaluated in place of the trained model, with and without its running statistics."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit


def follow(mine, model, buffers):
    with torch.no_grad():
        for a, b in zip(mine.parameters(), model.parameters(), strict=True):
            a.data.mul_(0.9).add_(b.data, alpha=0.1)
        for a, b in zip(mine.buffers(), model.buffers(), strict=True) if buffers else ():
            a.copy_(b)


@pytest.mark.parametrize(
    ("moves", "buffers", "told"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_moving_average_that_is_evaluated(moves, buffers, told):
    """One that stays as it was made is a fixed target, and no copy."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with babysit.watch(overhead="all") as w:
        for step in range(160):
            x = torch.randn(32, 6) + 2
            optimizer.zero_grad()
            F.cross_entropy(model(x), x[:, :3].argmax(1)).backward()
            optimizer.step()
            if moves:
                follow(average, model, buffers)
            if step % 20 == 19:
                with torch.no_grad():
                    average(torch.randn(64, 6) + 2)
    assert (w.run.fact("standins") is not None) == told
    if told:
        assert w.run.fact("standins")["norms"] == ["1"]
    found = {one.id: one.severity for one in babysit.diagnose(w.run).findings}
    assert (found.get("batchnorm-train-eval-gap") == "warning") == told
