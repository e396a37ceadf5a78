import argparse

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=7)
args = parser.parse_args()
torch.manual_seed(args.seed)


def trips(n):
    x = torch.rand(n, 6) * 2 - 1
    y = (x[:, 0] - x[:, 2]).abs() + (x[:, 1] - x[:, 3]).abs() + 0.5 * torch.sin(3 * x[:, 4])
    wild = torch.rand(n) < 0.03
    return x, torch.where(wild, y + 4 * torch.rand(n), y + 0.05 * torch.randn(n)).unsqueeze(1), y


x, y, _ = trips(400)
x_test, _, clean = trips(800)
loader = DataLoader(TensorDataset(x, y), batch_size=2, shuffle=True)
model = nn.Sequential(
    nn.Linear(6, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1)
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2, factor=0.5)
for epoch in range(args.epochs):
    model.train()
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = nn.functional.l1_loss(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step(total)
    print(f"epoch {epoch} mae {total / len(loader):.4f} lr {optimizer.param_groups[0]['lr']:.1e}")
model.eval()
with torch.no_grad():
    print(f"score {1 - (model(x_test).squeeze(1) - clean).pow(2).mean().item() / clean.var().item():.4f}")
