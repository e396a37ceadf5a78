import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=60)
args = parser.parse_args()
torch.manual_seed(args.seed)
X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=args.seed, stratify=y)
centre, scale = X_train.mean(0), X_train.std(0)
X_train = torch.tensor((X_train - centre) / scale).float()
X_test = torch.tensor((X_test - centre) / scale).float()
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

model = nn.Sequential(nn.Linear(13, 16), nn.ELU(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss(reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=2e-3)
for epoch in range(args.epochs):
    for rows in torch.randperm(len(X_train)).split(12):
        optimizer.zero_grad()
        loss = criterion(model(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1} summed loss {loss.item():.3f}")
with torch.no_grad():
    print(f"score {(model(X_test).argmax(1) == y_test).float().mean().item():.4f}")
