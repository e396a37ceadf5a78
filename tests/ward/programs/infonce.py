import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class Tower(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inputs, 96), nn.ReLU(), nn.Linear(96, 32))

    def forward(self, x):
        return F.normalize(self.net(x), dim=-1)


class TwoTowers(nn.Module):
    """Two views of one scene are matched against the other scenes of the batch."""

    def __init__(self):
        super().__init__()
        self.image, self.text = Tower(40), Tower(30)
        self.log_scale = nn.Parameter(torch.tensor(2.3))

    def forward(self, a, b):
        return self.log_scale.exp() * self.image(a) @ self.text(b).t()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    to_image, to_text = torch.randn(8, 40), torch.randn(8, 30)

    def scenes(n):
        z = torch.randn(n, 8)
        return torch.tanh(z @ to_image) + 0.3 * torch.randn(n, 40), torch.tanh(z @ to_text) + 0.3 * torch.randn(n, 30)

    images, texts = scenes(3000)
    model = TwoTowers()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(args.epochs):
        for rows in torch.randperm(3000).split(100):
            logits = model(images[rows], texts[rows])
            target = torch.arange(len(rows))
            loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.t(), target)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        a, b = scenes(100)
        print(f"score {(model(a, b).argmax(1) == torch.arange(100)).float().mean().item():.4f}")


if __name__ == "__main__":
    main()
