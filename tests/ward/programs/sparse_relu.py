import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class SparseNet(nn.Module):
    """Wide layers of which only the strongest tenth of the units speak for an image."""

    def __init__(self, width=512, keep=60):
        super().__init__()
        self.up, self.out, self.keep = nn.Linear(64, width), nn.Linear(width, 10), keep

    def forward(self, x):
        h = F.relu(self.up(x))
        threshold = h.topk(self.keep, dim=1).values[:, -1:]
        return self.out(h * (h >= threshold))


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=20)
args = parser.parse_args()
torch.manual_seed(args.seed)
d = load_digits()
x, y = (torch.tensor(d.data).float() - 4.9) / 6, torch.tensor(d.target)
perm = torch.randperm(len(x))
tr, te = perm[:1400], perm[1400:]
net = SparseNet()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
for epoch in range(args.epochs):
    for rows in tr[torch.randperm(len(tr))].split(35):
        loss = F.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, round(loss.item(), 4))
with torch.no_grad():
    print(f"score {(net(x[te]).argmax(1) == y[te]).float().mean().item():.4f}")
