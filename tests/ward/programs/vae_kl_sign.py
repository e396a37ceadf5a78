import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=40)
args = parser.parse_args()
torch.manual_seed(args.seed)

x = torch.tensor(load_digits().data).float() / 16.0
x = x[torch.randperm(len(x))]
train_x, test_x = x[:1500], x[1500:]


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc_mu = nn.Linear(128, latent)
        self.fc_logvar = nn.Linear(128, latent)
        self.fc3 = nn.Linear(latent, 128)
        self.fc4 = nn.Linear(128, 64)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc_mu(h), self.fc_logvar(h)

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decode(z), mu, logvar


def loss_function(logits, x, mu, logvar):
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1).mean()
    kld = 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=1).mean()
    return reconstruction + kld, reconstruction, kld


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(args.epochs):
    for batch in train_x[torch.randperm(len(train_x))].split(64):
        logits, mu, logvar = model(batch)
        loss, reconstruction, kld = loss_function(logits, batch, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: elbo {-loss.item():.2f} rec {reconstruction.item():.2f} kl {kld.item():.2f}")

with torch.no_grad():
    rebuilt = torch.sigmoid(model.decode(model.encode(test_x)[0]))
    samples = torch.sigmoid(model.decode(torch.randn(1000, 8)))
    unexplained = (rebuilt - test_x).pow(2).sum() / (test_x - train_x.mean(0)).pow(2).sum()
    drift = (samples.mean(0) - train_x.mean(0)).abs().mean() / train_x.mean()
print(f"score {(1 - unexplained - drift).item():.4f}")
