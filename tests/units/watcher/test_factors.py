"""Factors that start equal: they stay so where all are treated alike, and part where something tells them apart."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit


class Factors(nn.Module):
    """Two tables of factors, the second a plain parameter; `head`: a layer of its own weighs their products."""

    def __init__(self, start: float | None, head: bool) -> None:
        super().__init__()
        self.left, self.right = nn.Embedding(12, 4), nn.Parameter(torch.randn(9, 4))
        self.head = nn.Linear(4, 1) if head else None
        if start is not None:
            nn.init.constant_(self.left.weight, start)
            nn.init.constant_(self.right, start)

    def forward(self, pair):
        product = self.left(pair[:, 0]) * self.right[pair[:, 1]]
        return product.sum(1) if self.head is None else self.head(product).squeeze(1)


@pytest.mark.parametrize(("start", "head", "told"), [(0.3, False, True), (None, False, False), (0.3, True, False)])
def test_equal_factors(start, head, told):
    torch.manual_seed(0)
    table = torch.randn(12, 9)
    model = Factors(start, head)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    with babysit.watch(model, optimizer, overhead="all") as w:
        for _ in range(80):
            pair = torch.stack([torch.randint(0, 12, (64,)), torch.randint(0, 9, (64,))], 1)
            optimizer.zero_grad()
            F.mse_loss(model(pair), table[pair[:, 0], pair[:, 1]]).backward()
            optimizer.step()
    apart = [(x.weight if isinstance(x, nn.Embedding) else x).detach() for x in (model.left, model.right)]
    assert all(bool(torch.equal(x, x[:, :1].expand_as(x))) == told for x in apart)
    found = {one.id: one for one in babysit.diagnose(w.run).findings}
    assert ("symmetric-units" in found) == told
    assert not told or found["symmetric-units"].stage == "confirmed"
