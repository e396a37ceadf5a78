import argparse

import numpy as np
import torch
import torch.nn as nn

LEVELS = torch.tensor([0.1, 0.5, 0.9])


def pinball(prediction, target):
    error = target.unsqueeze(1) - prediction
    return torch.maximum(LEVELS * error, (LEVELS - 1) * error).mean()


def delays(n, rng):
    x = rng.uniform(-2, 2, (n, 4)).astype(np.float32)
    centre = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1]
    y = centre + (0.2 + 0.3 * (x[:, 2] > 0)) * rng.normal(size=n)
    return torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=25)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = delays(2500, rng)
    x_test, y_test = delays(2000, rng)
    model = nn.Sequential(nn.Linear(4, 64), nn.SELU(), nn.Linear(64, 64), nn.SELU(), nn.Linear(64, 3))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(args.epochs):
        for rows in torch.randperm(len(x)).split(50):
            loss = pinball(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} pinball {loss.item():.4f}")
    with torch.no_grad():
        coverage = (y_test.unsqueeze(1) <= model(x_test)).float().mean(0)
        median_r2 = 1 - (model(x_test)[:, 1] - y_test).var() / y_test.var()
    print(f"coverage {coverage.tolist()}")
    print(f"score {(median_r2 - (coverage - LEVELS).abs().max()).item():.4f}")


if __name__ == "__main__":
    main()
