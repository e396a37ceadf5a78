import argparse
import math
import random

import torch
import torch.nn as nn
from torch.nn import functional as F

block_size = 32
n_embd = 48
n_head = 4
n_layer = 2
max_lr = 3e-3
warmup = 30


def write_text(sentences, rng):
    who = ["the cat", "a dog", "my friend", "the old man", "our teacher", "a bird"]
    does = ["sees", "likes", "finds", "follows", "draws"]
    what = ["the river", "a tree", "the house", "a song", "the moon", "a stone"]
    when = ["today", "at night", "in spring", "again"]
    pick = rng.choice
    return " ".join(f"{pick(who)} {pick(does)} {pick(what)} {pick(when)}." for _ in range(sentences))


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(n_embd, 3 * n_embd)
        self.proj = nn.Linear(n_embd, n_embd)
        self.register_buffer("mask", torch.tril(torch.ones(block_size, block_size)))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(n_embd, dim=2)
        q = q.view(B, T, n_head, C // n_head).transpose(1, 2)
        k = k.view(B, T, n_head, C // n_head).transpose(1, 2)
        v = v.view(B, T, n_head, C // n_head).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) / math.sqrt(k.size(-1))
        att = att.masked_fill(self.mask[:T, :T] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        y = (att @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.proj(y)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1 = nn.LayerNorm(n_embd)
        self.attn = SelfAttention()
        self.ln2 = nn.LayerNorm(n_embd)
        self.mlp = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class CharGPT(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.tok = nn.Embedding(vocab, n_embd)
        self.pos = nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(*[Block() for _ in range(n_layer)])
        self.ln_f = nn.LayerNorm(n_embd)
        self.head = nn.Linear(n_embd, vocab, bias=False)
        self.apply(self.init_weights)

    def init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, idx, targets=None):
        x = self.tok(idx) + self.pos(torch.arange(idx.size(1)))
        logits = self.head(self.ln_f(self.blocks(x)))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--steps-per-epoch", type=int, default=80)
args = parser.parse_args()
torch.manual_seed(args.seed)

text = write_text(2500, random.Random(args.seed))
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
train_data, val_data = data[: int(0.9 * len(data))], data[int(0.9 * len(data)) :]


def get_batch(source, batch_size=24):
    ix = torch.randint(len(source) - block_size - 1, (batch_size,))
    x = torch.stack([source[i : i + block_size] for i in ix])
    y = torch.stack([source[i : i + block_size] for i in ix])
    return x, y


total_steps = args.epochs * args.steps_per_epoch


def get_lr(step):
    if step < warmup:
        return max_lr * (step + 1) / warmup
    return max_lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total_steps - warmup)))


model = CharGPT(len(chars))
optimizer = torch.optim.AdamW(model.parameters(), lr=max_lr, betas=(0.9, 0.95), weight_decay=0.05)

for step in range(total_steps):
    for group in optimizer.param_groups:
        group["lr"] = get_lr(step)
    x, y = get_batch(train_data)
    _, loss = model(x, y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if (step + 1) % args.steps_per_epoch == 0:
        model.eval()
        with torch.no_grad():
            val = sum(model(*get_batch(val_data))[1].item() for _ in range(5)) / 5
        model.train()
        print(f"step {step + 1}: train loss {loss.item():.4f}, val loss {val:.4f}")

model.eval()
starts = torch.randint(len(val_data) - block_size - 1, (400,))
prompts = torch.stack([val_data[i : i + 20] for i in starts])
answers = torch.stack([val_data[i + 20] for i in starts])
with torch.no_grad():
    guess = model(prompts)[0][:, -1].argmax(-1)
print(f"score {(guess == answers).float().mean():.4f}")
