import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser(description="Parity of 3 hidden bits out of 20: flat for long, then it clicks")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=14)
args = parser.parse_args()
torch.manual_seed(args.seed)


def parity(n):
    bits = torch.randint(0, 2, (n, 20)).float() * 2 - 1
    return bits, (bits[:, :3].prod(1) > 0).float()


model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 1), nn.Flatten(0))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(args.epochs):
    total = 0.0
    for _ in range(100):
        x, y = parity(64)
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / 100:.4f}")
x, y = parity(2000)
with torch.no_grad():
    print(f"score {((model(x) > 0) == (y > 0)).float().mean().item():.4f}")
