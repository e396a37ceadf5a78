import argparse

import torch
import torch.nn as nn


class Bayesian(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(6, 64),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(64, 1),
        )

    def forward(self, x):
        return self.net(x).squeeze(-1)

    def predict(self, x, samples=20):
        """Mean and spread of passes with dropout left on."""
        self.train()
        with torch.no_grad():
            draws = torch.stack([self(x) for _ in range(samples)])
        return draws.mean(0), draws.std(0)


def yields(n):
    x = torch.rand(n, 6) * 2 - 1
    y = 1.5 * torch.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2] * 2 + x[:, 3] + 0.1 * torch.randn(n)
    return x, y / 1.4


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x, y = yields(1800)
    xt, yt = yields(500)
    model = Bayesian()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_fn = nn.HuberLoss(delta=0.5)
    for epoch in range(args.epochs):
        model.train()
        for rows in torch.randperm(len(x)).split(48):
            loss = loss_fn(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        mean, spread = model.predict(xt)
        print(f"epoch {epoch} huber {loss.item():.4f} val {loss_fn(mean, yt).item():.4f} spread {spread.mean():.3f}")
    model.eval()
    with torch.no_grad():
        print(f"score {1 - ((model(xt) - yt) ** 2).mean().item() / yt.var().item():.4f}")
