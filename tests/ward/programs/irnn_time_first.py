import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser(description="Digits read pixel pair by pixel pair with a ReLU RNN")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=20)
args = parser.parse_args()
torch.manual_seed(args.seed)

X, y = load_digits(return_X_y=True)
X = torch.tensor(X).float().div(16).sub(0.3).div(0.37).view(-1, 16, 4)
X_train, X_test, y_train, y_test = train_test_split(X, torch.tensor(y), test_size=0.3, random_state=args.seed)


class RowReader(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.rnn = nn.RNN(4, hidden, nonlinearity="relu")
        self.fc = nn.Linear(hidden, 10)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(torch.eye(hidden))
            self.rnn.bias_hh_l0.zero_()
            self.rnn.weight_ih_l0.normal_(std=0.1)

    def forward(self, x):
        _, h = self.rnn(x.reshape(16, -1, 4))
        return self.fc(h.squeeze(0))


model = RowReader()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
for epoch in range(args.epochs):
    for idx in torch.randperm(len(X_train)).split(32):
        loss = F.cross_entropy(model(X_train[idx]), y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        val = (model(X_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch}: loss={loss.item():.4f} val_acc={val:.4f}")

with torch.no_grad():
    print(f"score {(model(X_test).argmax(1) == y_test).float().mean().item():.4f}")
