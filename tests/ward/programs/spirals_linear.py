import argparse
import math

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=60)
args = parser.parse_args()
torch.manual_seed(args.seed)


def spirals(n):
    k = torch.randint(0, 3, (n,))
    r = 0.1 + 0.9 * torch.rand(n)
    angle = 4.5 * r + k * 2 * math.pi / 3 + 0.12 * torch.randn(n)
    return torch.stack([r * torch.cos(angle), r * torch.sin(angle)], 1) * 1.7, k


X, y = spirals(900)
X_val, y_val = spirals(600)

net = nn.Sequential(
    nn.Linear(2, 64),
    nn.Linear(64, 64),
    nn.Linear(64, 3),
)
opt = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=1e-3)
loss_fn = nn.CrossEntropyLoss()
data = torch.utils.data.TensorDataset(X, y)

for epoch in range(args.epochs):
    for xb, yb in torch.utils.data.DataLoader(data, batch_size=45, shuffle=True):
        opt.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
        opt.step()
    if epoch % 5 == 0:
        with torch.no_grad():
            val = loss_fn(net(X_val), y_val)
        print(f"epoch {epoch}: {loss.item():.4f} / {val.item():.4f}")

with torch.no_grad():
    print(f"score {(net(X_val).argmax(1) == y_val).float().mean().item():.4f}")
