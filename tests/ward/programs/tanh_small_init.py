import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn


def build(depth, width):
    layers = []
    size = 64
    for _ in range(depth):
        linear = nn.Linear(size, width)
        nn.init.normal_(linear.weight, std=0.01)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
        size = width
    layers.append(nn.Linear(size, 10))
    return nn.Sequential(*layers)


def accuracy(net, x, y):
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--depth", type=int, default=9)
parser.add_argument("--width", type=int, default=100)
args = parser.parse_args()
torch.manual_seed(args.seed)

digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
y = torch.tensor(digits.target)
shuffle = torch.randperm(len(x))
x, y = x[shuffle], y[shuffle]
x = x / 8.0 - 1.0
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]

net = build(args.depth, args.width)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

for epoch in range(args.epochs):
    order = torch.randperm(len(x_train))
    for chunk in order.split(40):
        optimizer.zero_grad()
        loss = criterion(net(x_train[chunk]), y_train[chunk])
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch:2d} loss {loss.item():.4f} train {accuracy(net, x_train, y_train):.3f}")

print(f"score {accuracy(net, x_test, y_test):.4f}")
