import argparse
from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


def mlp(hidden, depth):
    sizes = [64] + [hidden] * depth
    layers = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 10))


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def main(seed, epochs, temperature=3.0):
    torch.manual_seed(seed)
    data = load_digits()
    x, y = torch.tensor(data.data).float() / 8 - 0.6, torch.tensor(data.target)
    perm = torch.randperm(len(x))
    x, y = x[perm], y[perm]
    xt, yt, xv, yv = x[:1350], y[:1350], x[1350:], y[1350:]
    teacher, student = mlp(200, 2), mlp(20, 1)
    opt = torch.optim.Adam(teacher.parameters(), lr=1e-3)
    for _ in range(12):
        for rows in torch.randperm(len(xt)).split(64):
            opt.zero_grad()
            F.cross_entropy(teacher(xt[rows]), yt[rows]).backward()
            opt.step()
    print(f"teacher {accuracy(teacher, xv, yv):.4f}")

    opt = torch.optim.Adam(student.parameters(), lr=3e-3)
    for epoch in range(epochs):
        student.train()
        for rows in torch.randperm(len(xt)).split(64):
            with torch.no_grad():
                soft = F.softmax(teacher(xt[rows]) / temperature, dim=1)
            logits = student(xt[rows])
            hint = F.kl_div(F.log_softmax(logits / temperature, dim=1), soft, reduction="batchmean")
            loss = 0.7 * temperature**2 * hint + 0.3 * F.cross_entropy(logits, yt[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"student epoch {epoch} loss {loss.item():.4f} acc {accuracy(student, xv, yv):.4f}")
    print(f"score {accuracy(student, xv, yv):.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    main(**vars(parser.parse_args()))
