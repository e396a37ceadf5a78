import argparse

import torch
from torch import nn

p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
p.add_argument("--epochs", type=int, default=8)
args = p.parse_args()
torch.manual_seed(args.seed)

PEOPLE, DIM = 30, 48
mixing = torch.randn(10, DIM)
nuisance = torch.randn(12, DIM)
identity = torch.randn(PEOPLE, 10)


def photos(who):
    return torch.tanh(0.4 * (identity[who] @ mixing) + 0.4 * (torch.randn(len(who), 12) @ nuisance))


embed = nn.Sequential(nn.Linear(DIM, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 16))
triplet = nn.TripletMarginLoss(margin=1.0)
optimizer = torch.optim.Adam(embed.parameters(), lr=1e-3)

for epoch in range(args.epochs):
    total = 0.0
    for _ in range(60):
        who = torch.randint(0, PEOPLE, (64,))
        other = (who + torch.randint(1, PEOPLE, (64,))) % PEOPLE
        anchor, positive, negative = embed(photos(who)), embed(photos(who)), embed(photos(other))
        loss = nn.functional.mse_loss(anchor, positive)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: triplet loss {total / 60:.4f}")

embed.eval()
with torch.no_grad():
    gallery_who = torch.arange(PEOPLE).repeat_interleave(4)
    gallery = embed(photos(gallery_who)).view(PEOPLE, 4, -1).mean(1)
    probe_who = torch.randint(0, PEOPLE, (600,))
    found = torch.cdist(embed(photos(probe_who)), gallery).argmin(1)
print(f"score {(found == probe_who).float().mean().item():.4f}")
