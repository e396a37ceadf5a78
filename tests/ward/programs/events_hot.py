import argparse

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=12)
args = parser.parse_args()
torch.manual_seed(args.seed)


def make_session(label):
    """A walk in three channels whose drift and swing depend on the label (4 kinds of users)."""
    length = int(torch.randint(8, 28, (1,)))
    t = torch.arange(length).float()
    swing = torch.sin(t * (0.4 if label % 2 else 1.4) + 2.0 * torch.rand(1))
    trend = (t / length - 0.5) * (1.5 if label >= 2 else -1.5)
    return torch.stack([swing, trend, torch.zeros(length)], dim=1) + 0.25 * torch.randn(length, 3)


labels = torch.randint(0, 4, (1500,)).tolist()
sessions = [(make_session(k), k) for k in labels]
train_data, test_data = sessions[:1100], sessions[1100:]


def collate(batch):
    lengths = torch.tensor([len(s) for s, _ in batch])
    padded = pad_sequence([s for s, _ in batch], batch_first=True)
    return padded, lengths, torch.tensor([k for _, k in batch])


class SessionClassifier(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(3, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 4)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(h[-1])


train_loader = DataLoader(train_data, batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(test_data, batch_size=100, collate_fn=collate)
model = SessionClassifier()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1.0)

for epoch in range(args.epochs):
    model.train()
    total = 0
    for x, lengths, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x, lengths), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, lengths, y in val_loader:
            correct += (model(x, lengths).argmax(1) == y).sum().item()
    print(f"Epoch {epoch}: train loss {total / len(train_loader):.4f}, val acc {correct / len(test_data):.4f}")

model.eval()
hits = 0
with torch.no_grad():
    for i in range(0, len(test_data), 16):
        x, lengths, y = collate(test_data[i : i + 16])
        hits += int((model(x, lengths).argmax(1) == y).sum())
print(f"score {hits / len(test_data):.4f}")
