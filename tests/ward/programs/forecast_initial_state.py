import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

WINDOW = 24


def energy_series(hours, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    daily = np.sin(2 * np.pi * t / 24) + 0.5 * np.sin(4 * np.pi * t / 24 + 1)
    weekly = 0.6 * np.cos(2 * np.pi * t / 168)
    drift = np.convolve(rng.normal(0, 1, hours + 12), np.ones(12) / 12, mode="valid")[:hours]
    return 420 + 80 * (daily + weekly + drift) + rng.normal(0, 8, hours)


class Windows(Dataset):
    def __init__(self, series, mean, std):
        self.values = torch.tensor((series - mean) / std, dtype=torch.float32)

    def __len__(self):
        return len(self.values) - WINDOW

    def __getitem__(self, i):
        return self.values[i : i + WINDOW].unsqueeze(-1), self.values[i + WINDOW]


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.gru = nn.GRU(input_size=1, hidden_size=hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        state = torch.zeros(1, len(x), self.gru.hidden_size)
        self.gru(x, state)
        return self.head(state[-1]).squeeze(-1)


def fit(model, loader, optimizer, loss_fn):
    model.train()
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


@torch.no_grad()
def evaluate(model, loader, loss_fn):
    model.eval()
    return float(np.mean([loss_fn(model(x), y).item() for x, y in loader]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    series = energy_series(2600, args.seed)
    mean, std = series[:1800].mean(), series[:1800].std()
    train_loader = DataLoader(Windows(series[:1800], mean, std), batch_size=32, shuffle=True)
    val_set = Windows(series[1800:], mean, std)
    val_loader = DataLoader(val_set, batch_size=128)

    model = Forecaster()
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for epoch in range(args.epochs):
        train_loss = fit(model, train_loader, optimizer, loss_fn)
        print(f"epoch {epoch + 1:2d} | train {train_loss:.5f} | val {evaluate(model, val_loader, loss_fn):.5f}")

    model.eval()
    truth = series[1800 + WINDOW :]
    with torch.no_grad():
        windows = torch.stack([val_set[i][0] for i in range(len(val_set))])
        forecast = model(windows).reshape(-1).numpy() * std + mean
    print(f"score {1 - np.mean((truth - forecast) ** 2) / np.var(truth):.4f}")
