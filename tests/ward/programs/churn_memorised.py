import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


def load_customers(n, seed):
    g = torch.Generator().manual_seed(seed)
    age = 18 + 60 * torch.rand(n, generator=g)
    income = torch.exp(10.3 + 0.5 * torch.randn(n, generator=g))
    months = torch.randint(1, 72, (n,), generator=g).float()
    calls = torch.poisson(torch.full((n,), 2.0), generator=g)
    usage = torch.rand(n, generator=g)
    plan = torch.randint(0, 3, (n,), generator=g)
    risk = 0.4 * torch.cos(age / 9) + 1.8 * (calls > 2) * (months < 36) - 2.2 * usage * (plan == 2)
    risk = risk + 1.1 * (torch.log(income) - 10.3) * 2 + 0.6 * (plan == 0) - 0.5
    churned = (torch.rand(n, generator=g) < torch.sigmoid(0.8 * risk)).float()
    table = torch.stack([age, income, months, calls, usage], dim=1)
    return torch.cat([table, F.one_hot(plan, 3).float()], dim=1), churned


class ChurnModel(nn.Module):
    def __init__(self, features, width=200):
        super().__init__()
        self.inp = nn.Linear(features, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        x = torch.relu(self.inp(x))
        x = torch.relu(self.mid(x))
        return self.out(x).squeeze(-1)


def batches(x, y, size):
    order = torch.randperm(len(x))
    for i in range(0, len(x), size):
        idx = order[i : i + size]
        yield x[idx], y[idx]


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
        loss = F.binary_cross_entropy_with_logits(logits, y)
        acc = ((logits > 0).float() == y).float().mean()
    model.train()
    return loss.item(), acc.item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--epochs", type=int, default=150)
    a = p.parse_args()
    torch.manual_seed(a.seed)

    x, y = load_customers(2400, a.seed)
    mean, std = x[:250].mean(0), x[:250].std(0)
    x = (x - mean) / std
    x_train, y_train, x_val, y_val = x[:250], y[:250], x[250:], y[250:]

    model = ChurnModel(x.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    for epoch in range(a.epochs):
        for xb, yb in batches(x_train, y_train, 64):
            logits = model(xb)
            loss = F.binary_cross_entropy_with_logits(logits, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        val_loss, val_acc = evaluate(model, x_val, y_val)
        print(f"epoch={epoch} loss={loss.item():.4f} val_loss={val_loss:.4f} val_acc={val_acc:.4f}")

    model.eval()
    with torch.no_grad():
        score = ((model(x_val) > 0) == (y_val > 0.5)).float().mean()
    print(f"score {score:.4f}")


if __name__ == "__main__":
    main()
