import argparse

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.utils.data import DataLoader, TensorDataset


class SharedTrunk(nn.Module):
    """One trunk, two heads: which gear the machine is in, and how worn it is."""

    def __init__(self, sensors):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(sensors, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.gear = nn.Linear(64, 5)
        self.wear = nn.Linear(64, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.gear(h), self.wear(h).squeeze(1)


def simulate(n):
    gear = torch.randint(0, 5, (n,))
    wear = torch.rand(n)
    t = torch.linspace(0, 1, 24)
    signal = torch.sin(6.28 * (gear[:, None] + 1) * t + wear[:, None] * 2)
    signal = signal * (1 + wear[:, None] * t) + 0.3 * torch.randn(n, 24)
    return signal, gear, (wear - 0.5) / 0.29


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=20)
args = parser.parse_args()
torch.manual_seed(args.seed)

train_set = TensorDataset(*simulate(2400))
val_x, val_gear, val_wear = simulate(800)
model = SharedTrunk(24)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

for epoch in range(args.epochs):
    model.train()
    for x, gear, wear in DataLoader(train_set, batch_size=48, shuffle=True):
        gear_logits, wear_hat = model(x)
        gear_loss = cross_entropy(gear_logits, gear)
        wear_loss = mse_loss(wear_hat, wear)
        loss = 1e-4 * gear_loss + wear_loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        gear_logits, wear_hat = model(val_x)
        acc = (gear_logits.argmax(1) == val_gear).float().mean().item()
        mse = mse_loss(wear_hat, val_wear).item()
    print(
        f"epoch {epoch:02d} gear loss {gear_loss:.4f} wear loss {wear_loss:.4f} | gear acc {acc:.3f} wear mse {mse:.3f}"
    )

model.eval()
with torch.no_grad():
    gear_logits, wear_hat = model(val_x)
accuracy = (gear_logits.argmax(1) == val_gear).double().mean().item()
r2 = 1 - ((wear_hat - val_wear) ** 2).mean().item() / val_wear.var().item()
print(f"score {min(accuracy, r2):.4f}")
