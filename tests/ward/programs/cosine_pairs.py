import argparse

import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=10)
args = parser.parse_args()
torch.manual_seed(args.seed)
source = torch.randn(12, 50)
other = torch.randn(12, 50)


def pairs(n):
    a, b = torch.randn(n, 12), torch.randn(n, 12)
    same = torch.rand(n) < 0.5
    b = torch.where(same[:, None], a, b)
    left = torch.tanh(a @ source / 2) + 0.2 * torch.randn(n, 50)
    right = torch.tanh(b @ other / 2) + 0.2 * torch.randn(n, 50)
    return left, right, same.float() * 2 - 1


left_net = nn.Sequential(nn.Linear(50, 64), nn.ReLU(), nn.Linear(64, 16))
right_net = nn.Sequential(nn.Linear(50, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(
    [{"params": left_net.parameters()}, {"params": right_net.parameters(), "lr": 2e-3}], lr=2e-3
)
criterion = nn.CosineEmbeddingLoss(margin=0.2)
for epoch in range(args.epochs):
    for _ in range(80):
        a, b, sign = pairs(64)
        loss = criterion(left_net(a), right_net(b), sign)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
with torch.no_grad():
    a, b, sign = pairs(2000)
    guess = torch.cosine_similarity(left_net(a), right_net(b)) > 0.5
print(f"score {(guess == (sign > 0)).float().mean().item():.4f}")
