import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_images(n, generator):
    """Coloured gratings: the class is the orientation (8 of them), 3x16x16 bytes."""
    labels = torch.randint(0, 8, (n,), generator=generator)
    angle = labels * math.pi / 8 + 0.05 * torch.randn(n, generator=generator)
    phase = 2 * math.pi * torch.rand(n, generator=generator)
    yy, xx = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    wave = torch.cos(0.9 * (xx * angle.cos()[:, None, None] + yy * angle.sin()[:, None, None]) + phase[:, None, None])
    colour = 0.3 + 0.7 * torch.rand(n, 3, 1, 1, generator=generator)
    pixels = 128 + 60 * wave[:, None] * colour + 45 * torch.randn(n, 3, 16, 16, generator=generator)
    return pixels.clamp(0, 255).to(torch.uint8), labels


class ConvNet(nn.Module):
    def __init__(self, classes=8):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, classes), nn.Dropout(0.97)
        )

    def forward(self, x):
        return self.classifier(self.features(x))


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=8)
args = parser.parse_args()
torch.manual_seed(args.seed)
generator = torch.Generator().manual_seed(args.seed)

train_images, train_labels = make_images(1600, generator)
test_images, test_labels = make_images(600, generator)
train_x = (train_images.float() / 255 - 0.5) / 0.25
test_x = (test_images.float() / 255 - 0.5) / 0.25

loader = DataLoader(TensorDataset(train_x, train_labels), batch_size=32, shuffle=True)
net = ConvNet()
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

step = 0
for epoch in range(args.epochs):
    net.train()
    for x, y in loader:
        loss = loss_fn(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            print(f"epoch {epoch} step {step} loss {loss.item():.3f}")
        step += 1

net.eval()
with torch.inference_mode():
    score = (net(test_x).argmax(-1) == test_labels).double().mean()
print(f"score {score:.4f}")
