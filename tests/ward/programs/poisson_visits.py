import argparse

import torch
from torch import nn

p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
p.add_argument("--epochs", type=int, default=25)
args = p.parse_args()
torch.manual_seed(args.seed)


def visits(n):
    x = torch.randn(n, 8)
    rate = torch.exp(1.2 + 0.7 * torch.sin(2 * x[:, 0]) + 0.5 * x[:, 1] - 0.4 * x[:, 2] * (x[:, 3] > 0))
    return x, torch.poisson(rate), rate


x, counts, _ = visits(3000)
x_test, counts_test, rate_test = visits(1000)
model = nn.Sequential(nn.Linear(8, 48), nn.GELU(), nn.Linear(48, 48), nn.GELU(), nn.Linear(48, 1), nn.Flatten(0))
loss_fn = nn.PoissonNLLLoss(log_input=True)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(args.epochs):
    for rows in torch.randperm(len(x)).split(60):
        loss = loss_fn(model(x[rows]), counts[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(f"epoch {epoch} train {loss.item():+.4f} test {loss_fn(model(x_test), counts_test).item():+.4f}")
with torch.no_grad():
    log_error = (model(x_test) - rate_test.log()).pow(2).mean()
print(f"score {1 - (log_error / rate_test.log().var()).item():.4f}")
