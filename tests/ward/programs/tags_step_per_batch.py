import argparse

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

TAGS = 8


def make_articles(n, mixing, generator):
    """40 measured features of articles; each of the 8 tags lights up some of them."""
    tags = (torch.rand(n, TAGS, generator=generator) < 0.3).float()
    features = torch.tanh(tags @ mixing) + 0.6 * torch.randn(n, 40, generator=generator)
    return features, tags


def micro_f1(predicted, actual):
    overlap = (predicted * actual).sum()
    return (2 * overlap / (predicted.sum() + actual.sum()).clamp(min=1)).item()


def run(args):
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    mixing = torch.randn(TAGS, 40, generator=generator) * 1.2
    train_x, train_y = make_articles(2000, mixing, generator)
    val_x, val_y = make_articles(600, mixing, generator)
    mean, std = train_x.mean(dim=0), train_x.std(dim=0)
    train_x, val_x = (train_x - mean) / std, (val_x - mean) / std
    loader = DataLoader(TensorDataset(train_x, train_y), batch_size=50, shuffle=True)

    model = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, TAGS))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=0.5)
    for epoch in range(args.epochs):
        for features, tags in loader:
            optimizer.zero_grad()
            loss = criterion(model(features), tags)
            loss.backward()
            optimizer.step()
            scheduler.step()
        with torch.no_grad():
            f1 = micro_f1((model(val_x) > 0).float(), val_y)
        print(f"epoch {epoch} loss {loss.item():.4f} f1 {f1:.4f}")

    with torch.no_grad():
        predicted = model(val_x) > 0
    truth = val_y.bool()
    tp, fp, fn = (predicted & truth).sum(), (predicted & ~truth).sum(), (~predicted & truth).sum()
    print(f"score {(2 * tp / (2 * tp + fp + fn)).item():.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=24)
    run(parser.parse_args())
