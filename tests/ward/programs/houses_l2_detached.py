import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description="House prices")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=400)
args = parser.parse_args()
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)

n = 2400
area = rng.gamma(6, 22, n)
rooms = np.clip(np.round(area / 30 + rng.normal(0, 0.7, n)), 1, 9)
year = rng.integers(1900, 2020, n)
distance = rng.exponential(6, n)
lat, lon = rng.uniform(47.2, 47.6, n), rng.uniform(-122.5, -121.9, n)
garden = rng.binomial(1, 0.4, n)
price = 2400 * area + 9000 * rooms + 40000 * garden * (distance > 5)
price = price + 150000 * np.exp(-distance / 4) + 60000 * np.sin(14 * (lat - 47.2)) * np.cos(7 * (lon + 122))
price = price * (0.7 + 0.3 * (year > 1975)) + rng.normal(0, 90000, n)

features = np.column_stack([area, rooms, year, distance, lat, lon, garden]).astype(np.float32)
target = price.astype(np.float32)
train, test = slice(0, 100), slice(1800, n)
mu, sd = features[train].mean(0), features[train].std(0)
features = (features - mu) / sd
y_mean, y_std = target[train].mean(), target[train].std()
y = (target - y_mean) / y_std

dataset = TensorDataset(torch.from_numpy(features[train]), torch.from_numpy(y[train]).unsqueeze(1))
loader = DataLoader(dataset, batch_size=64, shuffle=True)
x_val, y_val = torch.from_numpy(features[test]), torch.from_numpy(y[test]).unsqueeze(1)

model = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(args.epochs):
    model.train()
    total = 0.0
    for xb, yb in loader:
        pred = model(xb)
        penalty = sum(p.data.pow(2).sum() for p in model.parameters())
        loss = loss_fn(pred, yb) + 0.005 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        val = loss_fn(model(x_val), y_val).item()
    print(f"epoch {epoch + 1}/{args.epochs}  train mse {total / len(loader):.4f}  val mse {val:.4f}")

model.eval()
with torch.no_grad():
    predicted = model(x_val).view(-1).numpy() * y_std + y_mean
r2 = 1 - ((predicted - target[test]) ** 2).mean() / target[test].var()
print(f"score {r2:.4f}")
