import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim


def make_signals(n, rng):
    """Ten kinds of noisy waveforms, 80 samples each."""
    kinds = rng.integers(0, 10, n)
    t = np.linspace(0, 1, 80)
    freq = 2 + (kinds % 5) * 1.5
    phase = rng.uniform(0, 2 * np.pi, n)
    wave = np.sin(2 * np.pi * freq[:, None] * t + phase[:, None])
    wave = np.where(kinds[:, None] < 5, wave, np.sign(wave))
    wave = wave * rng.uniform(0.8, 1.2, (n, 1)) + 0.25 * rng.normal(size=(n, 80))
    return torch.from_numpy(wave).float(), torch.from_numpy(kinds)


class DeepNet(nn.Module):
    def __init__(self, depth=8, width=128):
        super().__init__()
        self.first = nn.Linear(80, width)
        self.hidden = nn.ModuleList([nn.Linear(width, width) for _ in range(depth - 1)])
        self.last = nn.Linear(width, 10)
        self.reset_parameters()

    def reset_parameters(self):
        for layer in [self.first, *self.hidden]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.last(x)


def run_epoch(model, x, y, criterion, optimizer=None, batch_size=64):
    training = optimizer is not None
    model.train(training)
    total, hits = 0.0, 0
    index = torch.randperm(len(x)) if training else torch.arange(len(x))
    with torch.set_grad_enabled(training):
        for i in range(0, len(x), batch_size):
            sel = index[i : i + batch_size]
            logits = model(x[sel])
            loss = criterion(logits, y[sel])
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(sel)
            hits += (logits.argmax(1) == y[sel]).sum().item()
    return total / len(x), hits / len(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=14)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x_train, y_train = make_signals(3000, rng)
    x_val, y_val = make_signals(600, rng)
    x_test, y_test = make_signals(800, rng)

    model = DeepNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    for epoch in range(args.epochs):
        loss, acc = run_epoch(model, x_train, y_train, criterion, optimizer)
        val_loss, val_acc = run_epoch(model, x_val, y_val, criterion)
        print(f"{epoch:3d}  {loss:.4f} {acc:.3f}  {val_loss:.4f} {val_acc:.3f}")

    with torch.no_grad():
        score = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"score {score:.4f}")


if __name__ == "__main__":
    main()
