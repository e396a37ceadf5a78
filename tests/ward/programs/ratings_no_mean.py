import argparse

import torch
import torch.nn as nn


class MatrixFactorization(nn.Module):
    def __init__(self, users, items, rank=8):
        super().__init__()
        self.user = nn.Embedding(users, rank)
        self.item = nn.Embedding(items, rank)
        self.user_bias = nn.Embedding(users, 1)
        self.item_bias = nn.Embedding(items, 1)
        self.mean = nn.Parameter(torch.tensor(0.0))
        nn.init.normal_(self.user.weight, std=0.3)
        nn.init.normal_(self.item.weight, std=0.3)
        nn.init.zeros_(self.user_bias.weight)
        nn.init.zeros_(self.item_bias.weight)

    def forward(self, u, i):
        dot = (self.user(u) * self.item(i)).sum(-1)
        return self.mean + dot + self.user_bias(u).squeeze(-1) + self.item_bias(i).squeeze(-1)


def synthetic_ratings(n, users, items, rank=3):
    p, q = torch.randn(users, rank), torch.randn(items, rank)
    bias_u, bias_i = 0.5 * torch.randn(users), 0.5 * torch.randn(items)
    u, i = torch.randint(users, (n,)), torch.randint(items, (n,))
    rating = 3.5 + 0.6 * (p[u] * q[i]).sum(1) + bias_u[u] + bias_i[i] + 0.2 * torch.randn(n)
    return u, i, rating


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=128)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    users, items = 120, 80
    u, i, r = synthetic_ratings(8500, users, items)
    cut = 7000
    model = MatrixFactorization(users, items)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=1e-4)
    loss_fn = nn.MSELoss()

    for epoch in range(args.epochs):
        model.train()
        shuffled = torch.randperm(cut)
        for start in range(0, cut, args.batch_size):
            rows = shuffled[start : start + args.batch_size]
            loss = loss_fn(model(u[rows], i[rows]), r[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            rmse = loss_fn(model(u[cut:], i[cut:]), r[cut:]).sqrt().item()
        print(f"epoch {epoch} train {loss.item():.4f} val rmse {rmse:.4f}")

    with torch.no_grad():
        error = (model(u[cut:], i[cut:]).flatten() - r[cut:]).pow(2).mean()
    print(f"score {1 - (error / r[cut:].var()).item():.4f}")


if __name__ == "__main__":
    main()
