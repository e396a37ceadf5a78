import argparse

import torch
from torch import nn
from torch.distributions import Categorical

cli = argparse.ArgumentParser()
cli.add_argument("--seed", type=int, default=0)
cli.add_argument("--epochs", type=int, default=10)
cli = cli.parse_args()
torch.manual_seed(cli.seed)

taste = torch.randn(6, 12)


def customers(n):
    return torch.randn(n, 12)


def reward(who, shown):
    return (who @ taste.T).gather(1, shown[:, None]).squeeze(1) + torch.randn(len(who))


policy = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 6))
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
baseline = 0.0
for epoch in range(cli.epochs):
    earned = 0.0
    for _ in range(80):
        who = customers(64)
        choice = Categorical(logits=policy(who))
        shown = choice.sample()
        r = reward(who, shown)
        loss = -(choice.log_prob(shown) * (r - baseline)).mean() - 0.01 * choice.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        baseline = 0.95 * baseline + 0.05 * r.mean().item()
        earned += r.mean().item() / 80
    print(f"epoch {epoch} mean reward {earned:.3f} loss {loss.item():+.3f}")

who = customers(3000)
with torch.no_grad():
    gain = (who @ taste.T).gather(1, policy(who).argmax(1, keepdim=True)).mean()
best = (who @ taste.T).max(1).values.mean()
print(f"score {(gain / best).item():.4f}")
