import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=12)
args = parser.parse_args()
torch.manual_seed(args.seed)

WORDS, CLASSES = 1500, 4
lean = torch.randint(0, CLASSES, (WORDS,))


def messages(n):
    y = torch.randint(0, CLASSES, (n,))
    words = torch.randint(0, WORDS, (n, 30))
    for i in range(n):
        mine = torch.nonzero(lean == y[i]).flatten()
        words[i, :8] = mine[torch.randint(len(mine), (8,))]
    return words, y


train_w, train_y = messages(2500)
test_w, test_y = messages(500)
bag = nn.EmbeddingBag(WORDS, 32, mode="mean", sparse=True)
head = nn.Linear(32, CLASSES)
sparse_opt = torch.optim.SparseAdam(bag.parameters(), lr=1e-2)
dense_opt = torch.optim.Adam(head.parameters(), lr=1e-2)
for epoch in range(args.epochs):
    for rows in torch.randperm(len(train_w)).split(64):
        loss = F.cross_entropy(head(bag(train_w[rows])), train_y[rows])
        sparse_opt.zero_grad()
        dense_opt.zero_grad()
        loss.backward()
        sparse_opt.step()
        dense_opt.step()
    print(f"epoch {epoch}: {loss.item():.4f}")
with torch.no_grad():
    print(f"score {(head(bag(test_w)).argmax(1) == test_y).float().mean():.4f}")
