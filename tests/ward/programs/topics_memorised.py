import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=75)
args = parser.parse_args()
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)

VOCAB, TOPICS, MAX_LEN = 300, 6, 40
topic_words = rng.dirichlet(np.full(VOCAB - 1, 0.15), size=TOPICS)
background = rng.dirichlet(np.full(VOCAB - 1, 0.5))


def make_documents(n):
    topics = rng.integers(0, TOPICS, n)
    docs = np.zeros((n, MAX_LEN), dtype=np.int64)
    lengths = rng.integers(6, MAX_LEN + 1, n)
    for row, (topic, length) in enumerate(zip(topics, lengths)):
        mixture = 0.35 * topic_words[topic] + 0.65 * background
        docs[row, :length] = 1 + rng.choice(VOCAB - 1, size=length, p=mixture)
    return torch.from_numpy(docs), torch.from_numpy(topics)


class TopicNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 48, padding_idx=0)
        self.hidden = nn.Linear(48, 48)
        self.dropout = nn.Dropout(0.0)
        self.classifier = nn.Linear(48, TOPICS)

    def forward(self, docs):
        mask = (docs > 0).float().unsqueeze(-1)
        mean = (self.embedding(docs) * mask).sum(1) / mask.sum(1)
        return self.classifier(self.dropout(F.elu(self.hidden(mean))))


x_train, y_train = make_documents(800)
wrong = torch.rand(len(y_train)) < 0.4
y_train[wrong] = torch.randint(0, TOPICS, (int(wrong.sum()),))
x_val, y_val = make_documents(500)
x_test, y_test = make_documents(600)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=40, shuffle=True, drop_last=True)
model = TopicNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)

best = 0.0
for epoch in range(1, args.epochs + 1):
    model.train()
    for docs, topics in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(docs), topics)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = model(x_val)
        val_loss = F.cross_entropy(logits, y_val).item()
        val_acc = (logits.argmax(1) == y_val).float().mean().item()
    best = max(best, val_acc)
    print(f"{epoch}\t{loss.item():.4f}\t{val_loss:.4f}\t{val_acc:.4f}\t{best:.4f}")

model.eval()
with torch.no_grad():
    score = (model(x_test).argmax(1) == y_test).float().mean().item()
print(f"score {score:.4f}")
