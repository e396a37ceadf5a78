import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset


def textures(n, seed):
    """Six kinds of 3x16x16 textures: checks, stripes and clouds at two scales."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 6, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    images = torch.empty(n, 3, 16, 16)
    for i, k in enumerate(y.tolist()):
        size = 2 if k % 2 else 4
        dr, dc = torch.randint(0, 8, (2,), generator=g).tolist()
        if k // 2 == 0:
            base = ((yy + dr) // size + (xx + dc) // size) % 2
        elif k // 2 == 1:
            base = ((yy + xx + dr) // size) % 2
        else:
            cloud = torch.rand(1, 1, 16 // size, 16 // size, generator=g)
            base = F.interpolate(cloud, size=16)[0, 0]
        tint = 0.3 + 0.7 * torch.rand(3, 1, 1, generator=g)
        images[i] = tint * base
    images += 0.45 * torch.randn(images.shape, generator=g)
    return images, y


class BasicBlock(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class TinyResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(12)
        self.layer1 = BasicBlock(12, 12, 1)
        self.layer2 = BasicBlock(12, 24, 2)
        self.layer3 = BasicBlock(24, 32, 2)
        self.linear = nn.Linear(32, 6)

    def forward(self, x):
        x = F.relu(self.bn(self.stem(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--max-lr", type=float, default=0.08)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x, y = textures(1000, seed=100 + args.seed)
    mean, std = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True)
    train_loader = DataLoader(TensorDataset((x - mean) / std, y), batch_size=50, shuffle=True)
    vx, vy = textures(400, seed=200 + args.seed)
    vx = (vx - mean) / std

    model = TinyResNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.max_lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = OneCycleLR(optimizer, max_lr=args.max_lr, div_factor=1e4, total_steps=15000)
    for epoch in range(args.epochs):
        model.train()
        for xb, yb in train_loader:
            loss = F.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            logits = model(vx)
        print(
            f"{epoch}: {loss.item():.3f} {F.cross_entropy(logits, vy):.3f} {(logits.argmax(1) == vy).float().mean():.3f}"
        )

    tx, ty = textures(500, seed=300 + args.seed)
    model.eval()
    with torch.no_grad():
        score = (model((tx - mean) / std).argmax(1) == ty).float().mean().item()
    print(f"score {score:.4f}")


if __name__ == "__main__":
    main()
