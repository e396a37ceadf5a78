import argparse
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class EMA:
    def __init__(self, model, decay=0.98):
        self.shadow = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for slow, fast in zip(self.shadow.state_dict().values(), model.state_dict().values()):
            if slow.dtype.is_floating_point:
                slow.lerp_(fast, 1 - self.decay)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=6)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    d = load_digits()
    x = (torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) - 4.9) / 6
    y = torch.tensor(d.target)
    shuffled = torch.randperm(len(x))
    train_rows, val_rows, test_rows = shuffled[:1200], shuffled[1200:1450], shuffled[1450:]
    model = nn.Sequential(
        nn.Conv2d(1, 20, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(20, 32, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, 10),
    )  # fmt: skip
    ema = EMA(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for epoch in range(args.epochs):
        model.train()
        for rows in train_rows[torch.randperm(1200)].split(40):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            ema.update(model)
        with torch.no_grad():
            logits = ema.shadow(x[val_rows])
        val = (logits.argmax(1) == y[val_rows]).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} ema val acc {val:.4f}")
    with torch.no_grad():
        print(f"score {(ema.shadow(x[test_rows]).argmax(1) == y[test_rows]).float().mean().item():.4f}")


if __name__ == "__main__":
    main()
