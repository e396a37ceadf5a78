import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=100)
args = parser.parse_args()
torch.manual_seed(args.seed)
x = torch.linspace(-3, 3, 200).unsqueeze(1)
y = torch.sin(2 * x) + 0.5 * torch.cos(3 * x) + 0.05 * torch.randn_like(x)
fit, held = torch.arange(200) % 4 != 0, torch.arange(200) % 4 == 0

model = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=5, history_size=20, line_search_fn="strong_wolfe")
criterion = nn.MSELoss()


def closure():
    optimizer.zero_grad()
    loss = criterion(model(x[fit]), y[fit])
    loss.backward()
    return loss


for epoch in range(args.epochs):
    loss = optimizer.step(closure)
    if epoch % 10 == 0:
        print(f"iteration {epoch} loss {loss.item():.6f}")
with torch.no_grad():
    r2 = 1 - criterion(model(x[held]), y[held]) / y[held].var()
print(f"score {r2.item():.4f}")
