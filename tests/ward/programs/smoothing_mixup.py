import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

a = argparse.ArgumentParser()
a.add_argument("--seed", type=int, default=0)
a.add_argument("--epochs", type=int, default=30)
a = a.parse_args()
torch.manual_seed(a.seed)

X, y = load_digits(return_X_y=True)
Xtr, Xva, ytr, yva = map(torch.tensor, train_test_split(X / 16, y, test_size=0.3, random_state=a.seed))
Xtr, Xva = Xtr.float(), Xva.float()

net = nn.Sequential(nn.Linear(64, 128), nn.PReLU(), nn.Linear(128, 128), nn.PReLU(), nn.Linear(128, 10))
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=a.epochs)
for epoch in range(a.epochs):
    for rows in torch.randperm(len(Xtr)).split(50):
        x, t = Xtr[rows], ytr[rows]
        lam, other = torch.distributions.Beta(0.4, 0.4).sample().item(), torch.randperm(len(rows))
        out = net(lam * x + (1 - lam) * x[other])
        loss = lam * loss_fn(out, t) + (1 - lam) * loss_fn(out, t[other])
        opt.zero_grad()
        loss.backward()
        opt.step()
    sched.step()
    print(f"epoch {epoch} loss {loss.item():.3f} lr {sched.get_last_lr()[0]:.2e}")
net.eval()
with torch.no_grad():
    print(f"score {(net(Xva).argmax(1) == yva).float().mean():.4f}")
