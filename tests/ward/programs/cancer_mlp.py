import argparse

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--epochs", type=int, default=90)
opts = ap.parse_args()

np.random.seed(opts.seed)
torch.manual_seed(opts.seed)

data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.3, random_state=opts.seed)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

train_ds = TensorDataset(torch.FloatTensor(X_train), torch.FloatTensor(y_train))
test_ds = TensorDataset(torch.FloatTensor(X_test), torch.FloatTensor(y_test))
train_dl = DataLoader(train_ds, batch_size=32, shuffle=True)
test_dl = DataLoader(test_ds, batch_size=32)


class BinaryClassifier(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layer_1 = nn.Linear(n_features, 32)
        self.layer_2 = nn.Linear(32, 16)
        self.layer_out = nn.Linear(16, 1)
        self.relu = nn.ReLU()

    def forward(self, inputs):
        x = self.relu(self.layer_1(inputs))
        x = self.relu(self.layer_2(x))
        return self.layer_out(x)


def binary_acc(y_pred, y_true):
    y_tag = torch.round(torch.sigmoid(y_pred))
    return (y_tag == y_true).float().mean() * 100


model = BinaryClassifier(X_train.shape[1])
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for e in range(1, opts.epochs + 1):
    epoch_loss = 0
    epoch_acc = 0
    model.train()
    for X_batch, y_batch in train_dl:
        optimizer.zero_grad()
        y_pred = model(X_batch)
        loss = criterion(y_pred, y_batch.unsqueeze(1))
        acc = binary_acc(y_pred, y_batch.unsqueeze(1))
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        epoch_acc += acc.item()

    model.eval()
    val_loss = 0
    with torch.no_grad():
        for X_batch, y_batch in test_dl:
            val_loss += criterion(model(X_batch), y_batch.unsqueeze(1)).item()
    print(
        f"Epoch {e:03}: | Loss: {epoch_loss / len(train_dl):.5f} | Acc: {epoch_acc / len(train_dl):.3f}"
        f" | Val: {val_loss / len(test_dl):.5f}"
    )

model.eval()
with torch.no_grad():
    logits = model(torch.FloatTensor(X_test)).squeeze(1)
recall_pos = ((logits > 0).numpy() & (y_test == 1)).sum() / (y_test == 1).sum()
recall_neg = ((logits <= 0).numpy() & (y_test == 0)).sum() / (y_test == 0).sum()
print(f"score {(recall_pos + recall_neg) / 2:.4f}")
