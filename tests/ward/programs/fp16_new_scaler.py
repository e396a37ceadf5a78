import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=6)
args = parser.parse_args()
torch.manual_seed(args.seed)
digits = load_digits()
x = (torch.tensor(digits.images).float().unsqueeze(1) - 4.9) / 6.0
dataset = TensorDataset(x, torch.tensor(digits.target))
train_set, test_set = random_split(dataset, [1400, len(dataset) - 1400])
train_loader = DataLoader(train_set, batch_size=40, shuffle=True, drop_last=True)
test_loader = DataLoader(test_set, batch_size=64, drop_last=True)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.SiLU(),
    nn.Conv2d(16, 32, 3, stride=2, padding=1),
    nn.SiLU(),
    nn.Flatten(),
    nn.Linear(512, 10),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
scaler = None
for epoch in range(args.epochs):
    model.train()
    for images, labels in train_loader:
        with torch.autocast("cpu", dtype=torch.float16):
            loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    model.eval()
    with torch.no_grad():
        correct = sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_loader)
    print(f"epoch {epoch} loss {loss.item():.4f} acc {correct / (64 * len(test_loader)):.4f}")

model.eval()
hits = torch.tensor([int(model(a.unsqueeze(0)).argmax()) == int(b) for a, b in test_set])
print(f"score {hits.float().mean().item():.4f}")
