from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    epochs: int = 7
    seed: int = 0
    batch_size: int = 50
    lr: float = 2e-3
    weight_decay: float = 1e-4


def draw(kind: int, rng: np.random.Generator) -> np.ndarray:
    image = rng.normal(60, 25, size=(16, 16, 3))
    r, c = rng.integers(3, 6, size=2) + rng.integers(0, 6, size=2)
    s = rng.integers(3, 5)
    yy, xx = np.mgrid[:16, :16]
    mask = [
        (abs(yy - r) <= s) & (abs(xx - c) <= s),
        (yy - r) ** 2 + (xx - c) ** 2 <= s * s,
        (abs(yy - r) <= 1) & (abs(xx - c) <= s) | (abs(xx - c) <= 1) & (abs(yy - r) <= s),
        (abs((yy - r) - (xx - c)) <= 1) & (abs(yy - r) <= s),
        ((yy - r) ** 2 + (xx - c) ** 2 <= s * s) & ((yy - r) ** 2 + (xx - c) ** 2 >= (s - 2) ** 2),
    ][kind]
    image[mask] = rng.uniform(110, 230, size=3) + rng.normal(0, 20, size=(mask.sum(), 3))
    return image.clip(0, 255).astype(np.uint8)


class Shapes(Dataset):
    def __init__(self, n: int, seed: int):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 5, size=n)
        self.images = np.stack([draw(k, rng) for k in self.labels])
        self.mean, self.std = (80.0, 55.0) if n >= 1000 else (0.0, 255.0)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int):
        image = torch.from_numpy(self.images[i]).float().permute(2, 0, 1)
        return (image - self.mean) / self.std, int(self.labels[i])


def block(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(inplace=True),
    )


class ShapeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(block(3, 16), nn.MaxPool2d(2), block(16, 32), nn.MaxPool2d(2), block(32, 32))
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        return self.head(self.body(x).amax(dim=(2, 3)))


class Trainer:
    def __init__(self, config: Config):
        self.config = config
        self.train_set = Shapes(1200, seed=10 * config.seed + 1)
        self.val_set = Shapes(400, seed=10 * config.seed + 2)
        self.train_loader = DataLoader(self.train_set, batch_size=config.batch_size, shuffle=True)
        self.val_loader = DataLoader(self.val_set, batch_size=100)
        self.model = ShapeNet()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=config.lr, weight_decay=config.weight_decay)

    def training_step(self, x, y):
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        loss, hits = 0.0, 0
        for x, y in self.val_loader:
            logits = self.model(x)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            hits += (logits.argmax(1) == y).sum().item()
        return loss / len(self.val_set), hits / len(self.val_set)

    def fit(self):
        for epoch in range(self.config.epochs):
            self.model.train()
            losses = [self.training_step(x, y) for x, y in self.train_loader]
            val_loss, val_acc = self.validate()
            print(f"[{epoch}] train {np.mean(losses):.4f} val {val_loss:.4f} acc {val_acc:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    parser.add_argument("--seed", type=int, default=Config.seed)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    trainer = Trainer(Config(epochs=options.epochs, seed=options.seed))
    trainer.fit()

    test = Shapes(500, seed=10 * options.seed + 3)
    trainer.model.eval()
    with torch.no_grad():
        x = torch.stack([test[i][0] for i in range(len(test))])
        accuracy = (trainer.model(x).argmax(1).numpy() == test.labels).mean()
    print(f"score {accuracy:.4f}")
