import argparse

import torch
from sklearn.datasets import load_iris
from torch import nn


class Maxout(nn.Module):
    def __init__(self, inputs, outputs, pieces=3):
        super().__init__()
        self.linear, self.pieces = nn.Linear(inputs, outputs * pieces), pieces

    def forward(self, x):
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(2)


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=400)
args = parser.parse_args()
torch.manual_seed(args.seed)
X, y = map(torch.tensor, load_iris(return_X_y=True))
X = X.float()
order = torch.randperm(len(X))
train, test = order[:60], order[60:]
X = (X - X[train].mean(0)) / X[train].std(0)

model = nn.Sequential(Maxout(4, 12), nn.Linear(12, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(args.epochs):
    loss = loss_fn(model(X[train]), y[train])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 50 == 0:
        print(f"{epoch} {loss.item():.4f}")
with torch.no_grad():
    print(f"score {(model(X[test]).argmax(1) == y[test]).float().mean():.4f}")
