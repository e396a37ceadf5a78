import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, CONTEXT = 60, 24


class TiedLM(nn.Module):
    """GRU language model whose output layer is its embedding."""

    def __init__(self, dim=64):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.output = nn.Linear(dim, VOCAB)
        self.output.weight = self.embedding.weight

    def forward(self, tokens):
        return self.output(self.gru(self.embedding(tokens))[0])


def chain(n, table, generator):
    state = torch.randint(VOCAB, (n,), generator=generator)
    steps = [state]
    for _ in range(CONTEXT):
        jump = torch.randint(VOCAB, (n,), generator=generator)
        state = torch.where(torch.rand(n, generator=generator) < 0.85, table[state], jump)
        steps.append(state)
    return torch.stack(steps, 1)


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=6)
args = parser.parse_args()
torch.manual_seed(args.seed)
generator = torch.Generator().manual_seed(args.seed)
table = torch.randperm(VOCAB, generator=generator)
train, test = chain(1200, table, generator), chain(200, table, generator)

model = TiedLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
warm = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=40)
for epoch in range(args.epochs):
    for rows in torch.randperm(len(train)).split(24):
        batch = train[rows]
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        warm.step()
    print(f"epoch {epoch} perplexity {loss.exp().item():.2f}")
with torch.no_grad():
    right = model(test[:, :-1]).argmax(-1) == table[test[:, :-1]]
print(f"score {right.float().mean().item():.4f}")
