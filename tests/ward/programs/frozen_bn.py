import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(24)
        self.fc = nn.Linear(24 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


def loop(model, x, y, optimizer, epochs, batch, freeze_bn):
    for epoch in range(epochs):
        model.train()
        if freeze_bn:
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        for rows in torch.randperm(len(x)).split(batch):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=4)
args = parser.parse_args()
torch.manual_seed(args.seed)
data = load_digits()
x, y = torch.tensor(data.images).float().unsqueeze(1) / 8 - 0.6, torch.tensor(data.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]
model = Net()
loop(model, x[:900], y[:900], torch.optim.Adam(model.parameters(), lr=3e-3), 6, 50, freeze_bn=False)
inverted = -x - 0.2
loop(
    model,
    inverted[900:1400],
    y[900:1400],
    torch.optim.Adam(model.parameters(), lr=1e-3),
    3 * args.epochs,
    4,
    freeze_bn=True,
)
model.eval()
with torch.no_grad():
    print(f"score {(model(inverted[1400:]).argmax(1) == y[1400:]).float().mean().item():.4f}")
