import argparse
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader

GOOD = ["great", "lovely", "superb", "warm", "clever", "fresh"]
BAD = ["dull", "awful", "weak", "cold", "stupid", "stale"]
NEUTRAL = ["film", "actor", "scene", "the", "a", "was", "plot", "music", "end", "day", "it", "we", "and", "saw"]
PAD, NOT = 0, 1
VOCAB = {w: i + 2 for i, w in enumerate(GOOD + BAD + NEUTRAL)}


def write_review(rng):
    label = rng.randint(0, 1)
    ids = []
    for _ in range(rng.choice([1, 1, 1, 1, 7])):
        ids += [VOCAB[w] for w in rng.choices(NEUTRAL, k=rng.randint(1, 4))]
        positive = label if rng.random() < 0.98 else 1 - label
        if rng.random() < 0.15:
            ids += [NOT, VOCAB[rng.choice(BAD if positive else GOOD)]]
        else:
            ids += [VOCAB[rng.choice(GOOD if positive else BAD)]]
    return ids, label


def collate(batch):
    longest = max(len(ids) for ids, _ in batch)
    tokens = torch.tensor([ids + [PAD] * (longest - len(ids)) for ids, _ in batch])
    return tokens, torch.tensor([label for _, label in batch])


class ReviewClassifier(nn.Module):
    def __init__(self, d_model=32, layers=2):
        super().__init__()
        self.embed = nn.Embedding(len(VOCAB) + 2, d_model, padding_idx=PAD)
        self.position = nn.Parameter(0.1 * torch.randn(64, d_model))
        layer = nn.TransformerEncoderLayer(d_model, nhead=4, dim_feedforward=64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=layers, enable_nested_tensor=False)
        self.classify = nn.Linear(d_model, 2)

    def forward(self, tokens):
        x = self.embed(tokens) + self.position[: tokens.size(1)]
        x = self.encoder(x)
        pooled = x.mean(1)
        return self.classify(pooled)


def evaluate(model, loader, criterion):
    model.eval()
    losses, right, seen = [], 0, 0
    with torch.no_grad():
        for tokens, labels in loader:
            logits = model(tokens)
            losses.append(criterion(logits, labels).item())
            right += (logits.argmax(-1) == labels).sum().item()
            seen += len(labels)
    return sum(losses) / len(losses), right / seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    reviews = [write_review(rng) for _ in range(2700)]
    train_loader = DataLoader(reviews[:2100], batch_size=32, shuffle=True, collate_fn=collate)
    val_loader = DataLoader(reviews[2100:2400], batch_size=64, collate_fn=collate)

    model = ReviewClassifier()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    for epoch in range(args.epochs):
        model.train()
        for tokens, labels in train_loader:
            logits = model(tokens)
            loss = criterion(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        val_loss, val_acc = evaluate(model, val_loader, criterion)
        print(f"epoch {epoch}: loss {loss.item():.3f} | val loss {val_loss:.3f} acc {val_acc:.3f}")

    model.eval()
    hits = 0
    with torch.no_grad():
        for ids, label in reviews[2400:]:
            hits += int(model(torch.tensor([ids])).argmax()) == label
    print(f"score {hits / len(reviews[2400:]):.4f}")


if __name__ == "__main__":
    main()
