import argparse
import math

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=6)
args = parser.parse_args()
torch.manual_seed(args.seed)


def real_points(n):
    angle = 2 * math.pi * torch.rand(n)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


G = nn.Sequential(nn.Linear(4, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 2))
D = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(128, 1), torch.zeros(128, 1)

for epoch in range(args.epochs):
    for _ in range(120):
        real, fake = real_points(128), G(torch.randn(128, 4))
        d_loss = bce(D(real), ones) + bce(D(fake.detach()), zeros)
        opt_d.zero_grad()
        d_loss.backward()
        opt_d.step()

        g_loss = bce(D(fake), ones)
        opt_g.zero_grad()
        g_loss.backward()
        opt_g.step()
    print(f"[{epoch + 1}/{args.epochs}] loss_d {d_loss.item():.3f} loss_g {g_loss.item():.3f}")

with torch.no_grad():
    points = G(torch.randn(2000, 4))
radius = (points.norm(dim=1) - 1).abs().mean().item()
bins = ((torch.atan2(points[:, 1], points[:, 0]) + math.pi) / (2 * math.pi) * 12).long().clamp(max=11)
cover = (torch.bincount(bins, minlength=12) > 40).float().mean().item()
print(f"score {cover * (1 - radius):.4f}")
