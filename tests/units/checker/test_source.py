"""A change of the source does what the edit did, or is not made."""

from __future__ import annotations

from pathlib import Path

import pytest

from babysit.checker import source

PROGRAM = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

LR = 0.5
model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Dropout(0.9), nn.Linear(8, 3), nn.Softmax(dim=1))
criterion = nn.CrossEntropyLoss(reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=LR, weight_decay=1.0)
train_loader = DataLoader(train_set, batch_size=8)
for epoch in range(3):
    for x, y in train_loader:
        loss = -criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(model(x_val))
"""


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        ({"lr": "*0.1"}, "LR = 0.05"),
        ({"weight_decay": 0.0}, "optimizer = torch.optim.SGD(model.parameters(), lr=LR, weight_decay=0)"),
        ({"zero_grad": True}, "        optimizer.zero_grad()"),
        ({"reduction": "mean"}, 'criterion = nn.CrossEntropyLoss(reduction="mean")'),
        ({"loss_sign": 1}, "        loss = criterion(model(x), y)"),
        ({"shuffle": True}, "train_loader = DataLoader(train_set, batch_size=8, shuffle=True)"),
        ({"clip_norm": 1.0}, "        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)"),
        ({"val_mode": "eval"}, "    model.eval()"),
        ({"train_mode": "train"}, "    model.train()"),
        ({"init": "he"}, "        nn.init.kaiming_normal_(module.weight, nonlinearity='relu')"),
        (
            {"optimizer": "adam", "lr": 0.001},
            "LR = 0.001",
        ),
        ({"optimizer": "adam"}, "optimizer = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=1.0)"),
    ],
)
def test_the_one_place_is_changed(edit, line):
    new = source.rewritten(PROGRAM, edit)
    compile(new, "x.py", "exec")
    assert line in new.splitlines()
    assert line not in PROGRAM.splitlines()


def test_an_activation_is_swapped_and_a_softmax_taken_off():
    assert "nn.ReLU()" in source.rewritten(PROGRAM, {"activation": {"sigmoid": "relu"}})
    new = source.rewritten(PROGRAM.replace("nn.Sigmoid(), ", ""), {"criterion_input": "logits"})
    assert "nn.Linear(8, 3))" in new
    called = "loss = F.cross_entropy(F.softmax(model(x), dim=1), y)\n"
    assert source.rewritten(called, {"criterion_input": "logits"}) == "loss = F.cross_entropy(model(x), y)\n"
    method = "loss = F.cross_entropy(model(x).softmax(1), y)\n"
    assert source.rewritten(method, {"criterion_input": "logits"}) == "loss = F.cross_entropy(model(x), y)\n"


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("a = SGD(p, lr=0.1)\nb = SGD(q, lr=0.1)\n", {"lr": "*0.1"}),  # which one?
        ("a = SGD(p, lr=config.lr)\n", {"lr": "*0.1"}),  # not known here
        ("x = 1\n", {"zero_grad": True}),
        ("x = (\n", {"lr": "*0.1"}),
        ("x = 1\n", {"norm": "batch"}),
    ],
)
def test_nothing_is_guessed(text, edit):
    assert source.rewritten(text, edit) is None


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ("config.lr", "class Config:\n    lr: float = 0.5\n"),
        ("args.lr", 'parser.add_argument("-l", "--lr", type=float, default=0.5)\n'),
        ('config["lr"]', 'config = {"epochs": 3, "lr": 0.5}\n'),
        ("lr", "def train(model, epochs, lr=0.5):\n    pass\ntrain(model, 3)\n"),
        ("lr", "def train(model, lr):\n    pass\ntrain(model, 0.5)\n"),
        ("self.lr", "class T:\n    def __init__(self, lr):\n        self.lr = lr\nT(0.5)\n"),
        ("lr", "epochs, lr = 3, 0.5\n"),
        ("hp.lr", "hp = SimpleNamespace(lr=0.5)\n"),
    ],
)
def test_a_number_is_followed_to_where_it_is_written(given, where):
    text = f"{where}opt = SGD(w, lr={given})\n"
    assert source.rewritten(text, {"lr": "*0.1"}) == text.replace("0.5", "0.05")


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ("args.lr", 'parser.add_argument("--lr", type=float)\n'),
        ("lr", "def train(model, lr=0.5):\n    pass\ntrain(model, 0.1)\ntrain(model)\n"),
        ("lr", "lr = 0.5\nlr = 0.1\n"),
        ("lr", "for lr in (0.5, 0.1):\n    pass\n"),
        ("lr", "lr = 0.5 * batch\n"),
        ("config.lr", "class Config:\n    lr: float = 0.5\nconfig = Config(lr=0.1)\n"),
    ],
)
def test_a_number_of_several_sources_is_left_alone(given, where):
    assert source.rewritten(f"{where}opt = SGD(w, lr={given})\n", {"lr": "*0.1"}) is None


def test_columns_are_told_right_behind_other_letters():
    text = 'print("größe"); o = SGD(w, lr=0.5)  # naïve\n'
    assert source.rewritten(text, {"lr": "*0.1"}) == text.replace("0.5", "0.05")


LOOP = """\
for x, y in loader:
    optimizer.step()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimizer.zero_grad()
"""


def test_the_order_of_calls_is_mended():
    text = "optimizer = SGD(model.parameters(), lr=0.1)\n" + LOOP
    new = source.rewritten(text, {"order": "zero-backward-step"}).splitlines()
    assert [line.strip() for line in new[2:]] == [
        "loss = F.mse_loss(model(x), y)", "optimizer.zero_grad()", "loss.backward()", "optimizer.step()",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "edit", "new"),
    [
        ("o = SGD(model.head.parameters(), lr=1)", {"optimize": "all"}, "o = SGD(model.parameters(), lr=1)"),
        ("p.requires_grad = False", {"unfreeze": "all"}, "p.requires_grad = True"),
        ("loss = F.mse_loss(out, y)", {"target_shape": "match"}, "loss = F.mse_loss(out.view_as(y), y)"),
        ("for epoch in range(5): pass", {"epochs": "*3"}, "for epoch in range(15): pass"),
        ("m = nn.BatchNorm1d(8, momentum=0.9)", {"norm_momentum": 0.1}, "m = nn.BatchNorm1d(8, momentum=0.1)"),
        ("m = nn.BatchNorm1d(8)", {"norm_momentum": 0.1}, "m = nn.BatchNorm1d(8, momentum=0.1)"),
        ("d = DataLoader(s, batch_size=64)", {"batch": "*0.25"}, "d = DataLoader(s, batch_size=16)"),
        (
            "m = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))",
            {"activation": {"none": "relu"}},
            "m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))",
        ),
        (
            "m = nn.Sequential(nn.Linear(4, w), nn.Tanh(), nn.Linear(w, 3))",
            {"norm": "batch"},
            "m = nn.Sequential(nn.Linear(4, w), nn.BatchNorm1d(w), nn.Tanh(), nn.Linear(w, 3))",
        ),
        (
            "m = nn.Sequential(nn.Linear(4, 1), nn.ReLU())",
            {"last_activation": "none"},
            "m = nn.Sequential(nn.Linear(4, 1))",
        ),
    ],
)
def test_what_else_can_be_written(old, edit, new):
    assert source.rewritten(old + "\n", edit) == new + "\n"


def test_a_schedule_is_taken_out_whole():
    text = "s = StepLR(o, 1)\nscheduler = StepLR(o, 1)\nfor e in range(3):\n    train()\n    scheduler.step()\n"
    assert source.rewritten(text, {"schedule": "constant"}) == "s = StepLR(o, 1)\nfor e in range(3):\n    train()\n"


def test_a_scheduler_that_came_with_others_is_stepped_no_more():
    text = "opt, scheduler = made()\nfor x in loader:\n    opt.step()\n    scheduler.step()\n"
    assert source.rewritten(text, {"schedule": "constant"}) == text.replace("    scheduler.step()\n", "")


def test_inputs_are_standardized_where_they_are_made():
    text = """\
x_train, x_val, y_train, y_val = split(x, y)
optimizer = SGD(model.parameters(), lr=0.1)
for i in range(9):
    loss = F.mse_loss(model(x_train[i]), y_train[i])
    loss.backward()
print(model(x_val))
"""
    new = source.rewritten(text, {"preprocess": "standardize"}).splitlines()
    assert new[1:4] == [
        "mean, std = x_train.mean(0), x_train.std(0)",
        "std[std == 0] = 1  # a feature that never changes",
        "x_train, x_val = (x_train - mean) / std, (x_val - mean) / std",
    ]
    loaded = "a, b = split(x)\ntrain = DataLoader(TensorDataset(torch.tensor(a), y))\nval = DataLoader(TensorDataset(b, z))\n"
    assert "a, b = (a - mean) / std, (b - mean) / std" in source.rewritten(loaded, {"preprocess": "standardize"})


def test_inputs_are_standardized_inside_of_the_function_that_loads_them():
    text = """\
class Net(nn.Module):
    def forward(self, x):
        x = F.relu(self.one(x))
        return self.two(x)
def evaluate(model, loader):
    for x, y in loader:
        print(model(x))
def main():
    a, b = split(load())
    train = DataLoader(TensorDataset(torch.tensor(a / 16.0, dtype=torch.float32), y))
    val = DataLoader(TensorDataset(torch.tensor(b), z))
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    for x, y in train:
        F.cross_entropy(model(x), y).backward()
"""
    plain = text.replace("a / 16.0", "a")
    assert "    a, b = (a - mean) / std, (b - mean) / std" in source.rewritten(plain, {"preprocess": "standardize"})
    assert source.rewritten(text, {"preprocess": "standardize"}) is None  # the scale of it is made elsewhere


def test_the_file_is_changed_only_when_told_and_kept_beside(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(PROGRAM)
    shown = source.diff(path, {"lr": "*0.1"})
    assert path.read_text() == PROGRAM
    assert "-LR = 0.5\n" in shown
    assert "+LR = 0.05\n" in shown
    backup = source.apply(path, {"lr": "*0.1"})
    assert Path(backup).read_text() == PROGRAM
    assert "LR = 0.05" in path.read_text()
