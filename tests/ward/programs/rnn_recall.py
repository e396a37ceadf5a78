import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


def recall_batch(n, length, generator):
    """The first token is to be named at the end of the sequence; what lies between is noise."""
    tokens = torch.randint(4, 8, (n, length), generator=generator)
    tokens[:, 0] = torch.randint(0, 4, (n,), generator=generator)
    return F.one_hot(tokens, 8).float(), tokens[:, 0]


class RNN(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.rnn = nn.RNN(8, hidden, nonlinearity="tanh", batch_first=True)
        self.readout = nn.Linear(hidden, 4)
        nn.init.orthogonal_(self.rnn.weight_hh_l0)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.readout(out[:, -1])


def main(args):
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed + 1)
    model = RNN()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    smooth = None
    for epoch in range(args.epochs):
        for _ in range(50):
            x, y = recall_batch(32, args.length, generator)
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        print(f"{(epoch + 1) * 50} updates, loss {smooth:.4f}")
    with torch.no_grad():
        x, y = recall_batch(1000, args.length, generator)
        print(f"score {(model(x).argmax(1) == y).float().mean():.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--length", type=int, default=20)
    main(parser.parse_args())
