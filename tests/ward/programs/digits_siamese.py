import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Encoder(nn.Module):
    def __init__(self, out=8):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, out))

    def forward(self, x):
        return self.net(x)


def sample_pairs(x, y, n):
    i = torch.randint(len(x), (n,))
    j = torch.randint(len(x), (n,))
    half = n // 2
    for k in range(half):
        mates = torch.nonzero(y == y[i[k]]).flatten()
        j[k] = mates[torch.randint(len(mates), (1,))]
    return x[i], x[j], (y[i] == y[j]).float()


def contrastive_loss(a, b, same, margin=2.0):
    distance = torch.sqrt((a - b).pow(2).sum(1) + 1e-8)
    attract = same * distance.pow(2)
    repel = (1 - same) * F.relu(margin - distance).pow(2)
    return (attract + repel).mean()


def nearest_neighbour_accuracy(encoder, x_ref, y_ref, x_new, y_new):
    encoder.eval()
    with torch.no_grad():
        nearest = torch.cdist(encoder(x_new), encoder(x_ref)).argsort(1)[:, :15]
    votes = F.one_hot(y_ref[nearest], 10).sum(1)
    return (votes.argmax(1) == y_new).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = load_digits()
    x, y = torch.tensor(data.data).float(), torch.tensor(data.target)
    x = (x - x.mean()) / x.std()
    shuffle = torch.randperm(len(x))
    x, y = x[shuffle], y[shuffle]
    x_train, y_train, x_test, y_test = x[:1200], y[:1200], x[1200:], y[1200:]

    encoder = Encoder()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    for epoch in range(args.epochs):
        total = 0.0
        for _ in range(30):
            a, b, same = sample_pairs(x_train, y_train, 64)
            loss = contrastive_loss(encoder(a), encoder(b), same)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: contrastive loss {total / 30:.4f}")
    print(f"score {nearest_neighbour_accuracy(encoder, x_train, y_train, x_test, y_test):.4f}")


if __name__ == "__main__":
    main()
