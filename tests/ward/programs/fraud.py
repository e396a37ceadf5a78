import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def transactions(n, rng):
    x = rng.normal(size=(n, 12)).astype(np.float32)
    odd = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.8 * x[:, 3] + 0.3 * rng.normal(size=n)
    fraud = (odd > np.quantile(odd, 0.97)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(fraud)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(12, 64), nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 1)
        )

    def forward(self, x):
        return self.net(x).squeeze(1)


def report(model, x, y):
    model.eval()
    with torch.no_grad():
        flagged = model(x) > 0
    model.train()
    recall = (flagged & (y == 1)).sum().item() / max(1, int(y.sum()))
    precision = (flagged & (y == 1)).sum().item() / max(1, int(flagged.sum()))
    return precision, recall


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = transactions(6000, rng)
    x_val, y_val = transactions(3000, rng)

    model = Detector()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    pos_weight = (y == 0).sum() / (y == 1).sum()
    for epoch in range(args.epochs):
        for rows in torch.randperm(len(x)).split(64):
            loss = F.binary_cross_entropy_with_logits(model(x[rows]), y[rows], pos_weight=pos_weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        precision, recall = report(model, x_val, y_val)
        print(f"epoch {epoch}: loss {loss.item():.4f} precision {precision:.3f} recall {recall:.3f}")

    model.eval()
    with torch.no_grad():
        p = torch.sigmoid(model(x_val)) > 0.5
    sensitivity = p[y_val == 1].float().mean().item()
    specificity = (~p[y_val == 0]).float().mean().item()
    print(f"score {(sensitivity + specificity) / 2:.4f}")


if __name__ == "__main__":
    main()
