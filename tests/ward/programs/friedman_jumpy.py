import argparse

import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.nn import functional as F


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(10, 64)
        self.hidden2 = nn.Linear(64, 64)
        self.output = nn.Linear(64, 1)

    def forward(self, x):
        x = F.leaky_relu(self.hidden1(x))
        x = F.leaky_relu(self.hidden2(x))
        return self.output(x)


def train(model, x, y, epochs, lr=0.1, batch=32):
    optimizer = torch.optim.RMSprop(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        perm = torch.randperm(x.shape[0])
        running = 0.0
        for i in range(0, x.shape[0], batch):
            rows = perm[i : i + batch]
            prediction = model(x[rows])[:, 0]
            loss = F.mse_loss(prediction, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
        history.append(running / (x.shape[0] / batch))
        if epoch % 5 == 0:
            print("epoch", epoch, "mse", round(history[-1], 4))
    return history


def r_squared(model, x, y):
    model.eval()
    with torch.no_grad():
        residual = y - model(x)[:, 0]
    return (1 - residual.pow(2).mean() / y.var(unbiased=False)).item()


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--epochs", type=int, default=42)
    cli = cli.parse_args()
    torch.manual_seed(cli.seed)
    x, y = make_friedman1(n_samples=1500, noise=0.5, random_state=cli.seed)
    x, y = torch.tensor(x).float() * 2 - 1, torch.tensor(y).float()
    x_train, x_test = x[:1100], x[1100:]
    y = (y - y[:1100].mean()) / y[:1100].std()
    y_train, y_test = y[:1100], y[1100:]
    model = Regressor()
    train(model, x_train, y_train, cli.epochs)
    print(f"score {r_squared(model, x_test, y_test):.4f}")
