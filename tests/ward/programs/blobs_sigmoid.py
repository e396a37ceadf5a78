import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
p.add_argument("--epochs", type=int, default=8)
cfg = p.parse_args()
torch.manual_seed(cfg.seed)


def blobs(n):
    """Grey 16x16 pictures of two soft blobs, standardised."""
    grid = torch.stack(torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij"))
    picture = torch.zeros(n, 16, 16)
    for _ in range(2):
        centre = 3 + 10 * torch.rand(n, 2)
        width = 1.5 + 2 * torch.rand(n)
        d2 = ((grid[None] - centre[:, :, None, None]) ** 2).sum(1)
        picture += torch.exp(-d2 / (2 * width[:, None, None] ** 2))
    picture += 0.03 * torch.randn_like(picture)
    return picture.unsqueeze(1)


class ConvAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1 = nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.enc2 = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.code = nn.Linear(24 * 16, 24)
        self.uncode = nn.Linear(24, 24 * 16)
        self.dec1 = nn.ConvTranspose2d(24, 16, 4, stride=2, padding=1)
        self.dec2 = nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1)

    def forward(self, x):
        h = F.gelu(self.enc1(x))
        h = F.gelu(self.enc2(h))
        z = self.code(h.flatten(1))
        h = F.gelu(self.uncode(z)).view(-1, 24, 4, 4)
        h = F.gelu(self.dec1(h))
        return torch.sigmoid(self.dec2(h))


train, test = blobs(1600), blobs(400)
mean, std = train.mean(), train.std()
train, test = (train - mean) / std, (test - mean) / std

net = ConvAE()
optim = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(cfg.epochs):
    net.train()
    total = 0
    for batch in torch.utils.data.DataLoader(train, batch_size=32, shuffle=True):
        out = net(batch)
        loss = F.mse_loss(out, batch)
        optim.zero_grad()
        loss.backward()
        optim.step()
        total += loss.item() * len(batch)
    net.eval()
    with torch.no_grad():
        held_out = F.mse_loss(net(test), test).item()
    print(f"epoch {epoch} train {total / len(train):.4f} test {held_out:.4f}")

with torch.no_grad():
    r2 = 1 - (net(test) - test).square().sum() / (test - train.mean(0)).square().sum()
print(f"score {r2.item():.4f}")
