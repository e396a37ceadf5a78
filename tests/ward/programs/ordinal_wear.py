import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

GRADES = 5


class OrdinalNet(nn.Module):
    """One score against ordered thresholds: P(grade > k) for k = 0..3."""

    def __init__(self):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 1))
        self.first = nn.Parameter(torch.tensor(-1.5))
        self.gaps = nn.Parameter(torch.zeros(GRADES - 2))

    def forward(self, x):
        cuts = torch.cat([self.first[None], self.first + F.softplus(self.gaps).cumsum(0)])
        return self.score(x) - cuts


def parts(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 10, generator=g)
    wear = x[:, 0] + 0.7 * x[:, 1].abs() + torch.tanh(2 * x[:, 2]) - x[:, 3] + 0.1 * torch.randn(n, generator=g)
    return x, torch.bucketize(wear, torch.tensor([-1.2, 0.0, 1.0, 2.2]))


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=25)
args = parser.parse_args()
torch.manual_seed(args.seed)
x, grade = parts(2400, args.seed)
x_val, grade_val = parts(800, args.seed + 1000)
model = OrdinalNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(args.epochs):
    for rows in torch.randperm(len(x)).split(60):
        above = (grade[rows, None] > torch.arange(GRADES - 1)).float()
        loss = F.binary_cross_entropy_with_logits(model(x[rows]), above)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        off = ((model(x_val) > 0).sum(1) - grade_val).abs().float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} mean distance {off.item():.3f}")
with torch.no_grad():
    print(f"score {((model(x_val) > 0).sum(1) == grade_val).float().mean().item():.4f}")
