"""Losses written out by hand that hold every output against every target, and what is compared in pairs on purpose."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from babysit.doctor import diagnose
from babysit.watcher import watch
from babysit.watcher.kept import marked
from babysit.watcher.stretched import stretched

N = 6
Y = torch.randn(N, generator=torch.Generator().manual_seed(1))
COLUMN = Y[:, None]
TABLE = torch.rand(N, N, generator=torch.Generator().manual_seed(2))


def pinball(off):
    return torch.max(-0.9 * off, 0.1 * off).mean()


def huber(off):
    return torch.where(off.abs() < 1, 0.5 * off**2, off.abs() - 0.5).mean()


def known(make, width):
    output = nn.Linear(3, width)(torch.randn(N, 3))
    mark = marked(output)
    return stretched(make(output), N, mark)


@pytest.mark.parametrize(
    ("make", "width"),
    [
        (lambda o: torch.stack([pinball(COLUMN - o[:, i]) for i in range(3)]).mean(), 3),
        (lambda o: pinball(o - Y), 1),
        (lambda o: huber(o.squeeze(1) - COLUMN), 1),
        (lambda o: -(Y * o.sigmoid().log() + (1 - Y) * (1 - o.sigmoid()).log()).mean(), 1),
        (lambda o: (Y - 2 * o).abs().add(1).log().sum() / N, 1),
        (lambda o: F.softplus(-Y.sign() * o).mean(), 1),
    ],
)
def test_every_output_against_every_target(make, width):
    assert known(make, width)


@pytest.mark.parametrize(
    ("make", "width"),
    [
        (lambda o: pinball(o - COLUMN), 1),
        (lambda o: pinball(COLUMN - o), 3),  # quantiles against one target
        (lambda o: pinball(COLUMN - o), N),  # as many of them as examples
        (lambda o: F.softplus(o - o.T).mean(), 1),
        (lambda o: ((o - Y).abs() - 0.5 * (o - o.T).abs()).mean(), 1),  # the energy distance of two samples
        (lambda o: (o.squeeze(1).unsqueeze(1) - Y).abs().mean(), 1),
        (lambda o: (o[:, 0][:, None] - Y[None]).abs().mean(), 3),
        (lambda o: (o.exp() * TABLE).sum(0).log().mean(), 1),  # a mask of who is at risk
        (lambda o: (TABLE - o).abs().mean(), 1),
        (lambda o: ((o @ o.T) - TABLE).square().mean(), 4),
    ],
)
def test_what_is_compared_on_purpose(make, width):
    assert not known(make, width)


MASK = torch.rand(N, 4, 5, generator=torch.Generator().manual_seed(3)).round()


def dice(p, t):
    return 1 - 2 * (p * t).sum() / (p.sum() + t.sum())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda o: dice(o.sigmoid(), MASK), True),
        (lambda o: dice(o.sigmoid().squeeze(1), MASK), False),
        (lambda o: dice(o.sigmoid(), MASK[:, None]), False),
        (lambda o: pinball(o - MASK), True),
        (lambda o: pinball(o.squeeze(1) - MASK[:, None]), True),
        (lambda o: pinball(o - torch.rand(1, N, 1, 1)), False),  # as many channels as examples
        (lambda o: (o.abs() * torch.rand(N, N, 4, 5)).mean(), False),
        (lambda o: pinball(o.squeeze(1).unsqueeze(1) - MASK), False),
    ],
)
def test_pictures(make, told):
    output = nn.Conv2d(2, 1, 1)(torch.randn(N, 2, 4, 5))
    mark = marked(output)
    assert stretched(make(output), N, mark) == told


@pytest.mark.parametrize("bug", [True, False])
def test_a_training_is_told(bug):
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    y = x[:, :1] * x[:, 1:2]
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with watch(model, optimizer, overhead="all") as w:
        for step in range(80):
            rows = slice(32 * (step % 8), 32 * (step % 8) + 32)
            optimizer.zero_grad()
            out = model(x[rows])
            pinball(y[rows] - (out[:, 1] if bug else out)).backward()
            optimizer.step()
    found = {one.id: one for one in diagnose(w.run).findings}
    assert ("loss-broadcasts" in found) == bug
    assert not bug or found["loss-broadcasts"].severity == "error"
