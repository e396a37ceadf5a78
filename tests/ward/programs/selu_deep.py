import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=15)
args = parser.parse_args()
torch.manual_seed(args.seed)
bunch = load_digits()
inputs = torch.tensor(bunch.data, dtype=torch.float32)
inputs = (inputs - inputs.mean()) / inputs.std()
classes = torch.tensor(bunch.target)
pick = torch.randperm(len(inputs))

net = nn.Sequential()
for i in range(10):
    linear = nn.Linear(64, 64)
    nn.init.normal_(linear.weight, std=64**-0.5)
    nn.init.zeros_(linear.bias)
    net.add_module(f"linear{i}", linear)
    net.add_module(f"selu{i}", nn.SELU())
    net.add_module(f"drop{i}", nn.AlphaDropout(0.02))
net.add_module("out", nn.Linear(64, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
for epoch in range(args.epochs):
    net.train()
    for rows in pick[:1300][torch.randperm(1300)].split(26):
        loss = nn.functional.cross_entropy(net(inputs[rows]), classes[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
net.eval()
held = pick[1300:]
with torch.no_grad():
    print(f"score {(net(inputs[held]).argmax(1) == classes[held]).float().mean().item():.4f}")
