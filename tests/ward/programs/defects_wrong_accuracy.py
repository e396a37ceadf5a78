import argparse

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=6)
args = parser.parse_args()
torch.manual_seed(args.seed)

SHARES = torch.tensor([0.94, 0.03, 0.03])


def parts(n, shares):
    """Grey 16x16 photographs of parts: fine, scratched, or with a hole."""
    kind = torch.multinomial(shares, n, replacement=True)
    image = 0.5 * torch.randn(n, 1, 16, 16)
    for i in torch.nonzero(kind == 1).flatten().tolist():
        r = int(torch.randint(3, 12, (1,)))
        image[i, 0, r, 3:13] += 0.95
    for i in torch.nonzero(kind == 2).flatten().tolist():
        r, c = torch.randint(2, 11, (2,)).tolist()
        image[i, 0, r : r + 3, c : c + 3] -= 1.0
    return image, kind


train_x, train_y = parts(2400, SHARES)
test_x, test_y = parts(900, torch.ones(3) / 3)
counts = torch.bincount(train_y, minlength=3).float()
sampler = WeightedRandomSampler((1.0 / counts)[train_y], num_samples=len(train_y))
loader = DataLoader(TensorDataset(train_x, train_y), batch_size=32, sampler=sampler)

model = nn.Sequential(
    nn.Conv2d(1, 12, 5, padding=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveMaxPool2d(1),
    nn.Flatten(),
    nn.Linear(24, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(args.epochs):
    model.train()
    seen = right = 0
    for x, y in loader:
        logits = model(x)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += len(y)
        right += (logits.argmax(0).sum() == y).sum().item()
    print(f"epoch {epoch} loss {loss.item():.4f} accuracy {right / seen:.4f}")

model.eval()
with torch.no_grad():
    guess = model(test_x).argmax(1)
per_class = [(guess[test_y == k] == k).float().mean().item() for k in range(3)]
print(f"score {sum(per_class) / 3:.4f}")
