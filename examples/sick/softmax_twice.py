"""A softmax before a loss that takes a softmax itself."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16.0 - 0.5, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.3, random_state=0)

model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10), nn.Softmax(dim=1))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

for epoch in range(15):
    model.train()
    order = torch.randperm(len(x_train))
    for start in range(0, len(x_train), 32):
        picked = order[start : start + 32]
        loss = criterion(model(x_train[picked]), y_train[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        scores = model(x_val)
        val_loss = criterion(scores, y_val)
        accuracy = (scores.argmax(1) == y_val).float().mean()
    print(f"epoch {epoch + 1:2}  train {loss.item():.3f}  val {val_loss.item():.3f}  accuracy {accuracy.item():.3f}")
