import argparse

import numpy as np
import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=7)
args = parser.parse_args()
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)


def make_set(n):
    """3x16x16 pictures holding any of: horizontal line, vertical line, diagonal, dot cluster."""
    images = rng.normal(0.0, 0.4, (n, 3, 16, 16)).astype(np.float32)
    labels = (rng.random((n, 4)) < 0.4).astype(np.float32)
    for image, marks in zip(images, labels):
        colour = rng.uniform(0.8, 1.6, (4, 3, 1)).astype(np.float32)
        if marks[0]:
            image[:, rng.integers(16), 2:14] += colour[0]
        if marks[1]:
            image[:, 2:14, rng.integers(16)] += colour[1]
        if marks[2]:
            start = rng.integers(0, 5)
            k = np.arange(start, start + 11)
            image[:, k, k] += colour[2]
        if marks[3]:
            r, c = rng.integers(1, 14, 2)
            image[:, r : r + 2, c : c + 2] += colour[3][:, :, None]
    return torch.from_numpy(images), torch.from_numpy(labels)


class MarkNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 24, 3, padding=1)
        self.conv3 = nn.Conv2d(24, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(32, 4)
        self.act = nn.SiLU()

    def forward(self, x):
        x = self.pool(self.act(self.conv1(x)))
        x = self.pool(self.act(self.conv2(x)))
        x = self.act(self.conv3(x))
        return self.fc(x.amax(dim=(-2, -1)))


train_x, train_y = make_set(1600)
val_x, val_y = make_set(500)
model = MarkNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
steps = 0
for epoch in range(args.epochs):
    perm = torch.randperm(len(train_x))
    for i in range(0, len(perm), 32):
        batch_x, batch_y = train_x[perm[i : i + 32]], train_y[perm[i : i + 32]]
        if torch.rand(1) < 0.5:
            batch_x = batch_x.transpose(2, 3)
        loss = criterion(model(batch_x), batch_y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    with torch.no_grad():
        val_loss = criterion(model(val_x), val_y).item()
    print(f"epoch {epoch}, {steps} steps: train {loss.item():.4f} val {val_loss:.4f}")

with torch.no_grad():
    decisions = (torch.sigmoid(model(val_x)) > 0.5).float()
balanced = torch.stack([(decisions[val_y == v] == v).float().mean() for v in (0.0, 1.0)]).mean()
print(f"score {balanced.item():.4f}")
