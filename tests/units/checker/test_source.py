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
        ({"optimizer": "adam", "lr": 0.001}, "optimizer = torch.optim.Adam(model.parameters(), lr=0.001)"),
        ({"optimizer": "adam"}, "optimizer = torch.optim.Adam(model.parameters(), lr=LR)"),
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
