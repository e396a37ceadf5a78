import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader


class Autoencoder(nn.Module):
    def __init__(self, code=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, code))
        self.decoder = nn.Sequential(nn.Linear(code, 96), nn.ReLU(), nn.Linear(96, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    images = torch.tensor(load_digits().data, dtype=torch.float32)
    images = images[torch.randperm(len(images))]
    train_images, test_images = images[:1400], images[1400:]
    loader = DataLoader(train_images, batch_size=64, shuffle=True)

    model = Autoencoder()
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    for epoch in range(args.epochs):
        train_loss = 0.0
        for batch in loader:
            reconstruction = model(batch)
            loss = criterion(reconstruction, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * batch.size(0)
        print(f"epoch {epoch + 1:3d}: mse {train_loss / len(train_images):.5f}")

    with torch.no_grad():
        error = (model(test_images) - test_images).pow(2).mean()
        baseline = (test_images - train_images.mean(0)).pow(2).mean()
    print(f"score {1 - (error / baseline).item():.4f}")


if __name__ == "__main__":
    main()
