import argparse
import random

import torch
import torch.nn as nn


def corpus(lines, seed):
    rng = random.Random(seed)
    out = []
    for _ in range(lines):
        a, b = rng.randint(1, 9), rng.randint(1, 9)
        word = rng.choice(["apples", "pears", "coins", "books"])
        name = rng.choice(["anna", "bob", "carl", "dora"])
        out.append(f"{name} has {a} {word} and {b} more {word}\n")
    return "".join(out)


class CharLSTM(nn.Module):
    def __init__(self, vocab_size, embed=24, hidden=96):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed)
        self.lstm = nn.LSTM(embed, hidden, batch_first=True)
        self.decoder = nn.Linear(hidden, vocab_size)

    def forward(self, x, state=None):
        out, state = self.lstm(self.embedding(x), state)
        return self.decoder(out), state


class LanguageModelTrainer:
    def __init__(self, text, seq_len=40, batch_size=32, lr=2.0):
        self.vocab = sorted(set(text))
        index = {c: i for i, c in enumerate(self.vocab)}
        tokens = torch.tensor([index[c] for c in text])
        split = int(len(tokens) * 0.85)
        self.train_tokens, self.val_tokens = tokens[:split], tokens[split:]
        self.seq_len, self.batch_size = seq_len, batch_size
        self.model = CharLSTM(len(self.vocab))
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)

    def sample(self, tokens):
        starts = torch.randint(0, len(tokens) - self.seq_len - 1, (self.batch_size,)).tolist()
        x = torch.stack([tokens[s : s + self.seq_len] for s in starts])
        y = torch.stack([tokens[s + 1 : s + self.seq_len + 1] for s in starts])
        return x, y

    def step(self):
        self.model.train()
        x, y = self.sample(self.train_tokens)
        self.optimizer.zero_grad()
        logits, _ = self.model(x)
        loss = self.criterion(logits.reshape(-1, len(self.vocab)), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        return loss.item()

    def train(self, epochs, steps=60):
        for epoch in range(epochs):
            mean = sum(self.step() for _ in range(steps)) / steps
            print(f"epoch {epoch} loss {mean:.4f} bits {mean / 0.6931:.3f}")

    def next_char_accuracy(self):
        self.model.eval()
        x, y = self.val_tokens[:-1].unsqueeze(0), self.val_tokens[1:].unsqueeze(0)
        with torch.no_grad():
            logits, _ = self.model(x[:, :2000])
        return (logits.argmax(-1) == y[:, :2000]).float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    trainer = LanguageModelTrainer(corpus(1500, args.seed))
    trainer.train(args.epochs)
    print(f"score {trainer.next_char_accuracy():.4f}")
