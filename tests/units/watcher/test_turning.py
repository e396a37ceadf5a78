"""Classes that an augmentation turns into one another are found on a copy of the model; other confusions are not."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from babysit.watcher import watch
from babysit.watcher.separating import RIDGE, lines
from babysit.watcher.turning import Turning


def test_leaving_one_out_is_exact():
    """Against making the classifier anew without each of the examples."""
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(45) % 3
    x = torch.randn(45, 5, generator=rng).double() + 0.9 * F.one_hot(y, 5)
    rows = torch.cat([(x - x.mean(0)) / x.std(0, correction=0) / 5**0.5, torch.ones(45, 1).double()], 1)
    weight = RIDGE * (rows * rows).sum(1).mean()
    left_out = []
    for left in range(45):
        a, b = (torch.cat([one[:left], one[left + 1 :]]) for one in (rows, 2 * F.one_hot(y).double() - 1))
        slopes = torch.linalg.solve(a.T @ a + weight * torch.eye(6).double(), a.T @ b)
        left_out.append(int((rows[left] @ slopes).argmax()))
    assert lines(x, y).left_out.tolist() == left_out
    assert 0.5 < (torch.tensor(left_out) == y).double().mean() < 1


class Signs(Dataset):
    """Bright bars: left or right (0 and 1), across above or below (2 and 3)."""

    def __init__(self, count, seed, change=None):
        rng = np.random.default_rng(seed)
        self.y = rng.integers(0, 4, count)
        self.x = (0.5 * rng.standard_normal((count, 1, 10, 10))).astype(np.float32)
        for x, y in zip(self.x[:, 0], self.y, strict=True):
            at = rng.integers(0, 3)
            place = (slice(None), at), (slice(None), 9 - at), (at, slice(None)), (9 - at, slice(None))
            x[place[y]] += 2.0
        self.change, self.rng = change, rng

    def __len__(self):
        return len(self.y)

    def __getitem__(self, at):
        x, y = self.x[at], self.y[at]
        return self.change(x, y, self.rng) if self.change else (x, y)


def mirrored(x, y, rng):
    return (np.ascontiguousarray(x[:, :, ::-1]) if rng.random() < 0.5 else x), y


def noisy(x, y, rng):
    """Labels of one class are wrong half the time, which no turn explains: above and left."""
    return x, (2 if y == 0 else 0 if y == 2 else y) if rng.random() < 0.5 else y


def train(change, labelled):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(200, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    loader, unseen = DataLoader(Signs(640, 0, change), 32, shuffle=True), DataLoader(Signs(300, 1), 100)
    if labelled != "loader":
        unseen = list(unseen)
    for _ in range(10):
        net.train()
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            for x, y in unseen:
                out = net(x)
                if labelled == "criterion":
                    F.cross_entropy(out, y)
                elif labelled == "compared":
                    (out.argmax(1) == y).sum()
    return [value.detach().clone() for value in net.parameters()]


@pytest.mark.parametrize("labelled", ["criterion", "compared", "loader"])
def test_a_mirror_that_changes_the_class_is_proven(labelled):
    """However the labels of validation's examples come to be known."""
    with watch(overhead="all") as w:
        train(mirrored, labelled)
    fact = w.run.facts["turned_classes"]
    assert (fact["classes"], fact["turn"]) == ([0, 1], "a flip of the last axis")
    (finding,) = [one for one in w.findings if one.id == "augmentation-breaks-labels"]
    assert (finding.severity, finding.stage) == ("error", "confirmed")


def shuffled(x, y, rng):
    return x, rng.integers(0, 4)


@pytest.mark.parametrize("change", [None, noisy, shuffled])
def test_others_are_not(change):
    with watch(overhead="all") as w:
        train(change, "criterion")
    assert w.run.facts.get("turned_classes") is None
    assert not [one for one in w.run.events if one.kind == "warning"]


def train_flat(labels):
    """A network for rows of 64 pixels that knows left from right bars; one or two outputs."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)

    def make(count, turned):
        y = rng.integers(0, 2, count)
        x = (0.5 * rng.standard_normal((count, 8, 8))).astype(np.float32)
        x[np.arange(count), :, np.where(y == 0, rng.integers(0, 3, count), 7 - rng.integers(0, 3, count))] += 2.0
        if turned and rng.random() < 0.5:
            x = np.flip(x, 2)
        return torch.from_numpy(x.reshape(count, 64).copy()), torch.from_numpy(y)

    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1 if labels != "classes" else 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)

    def cost(out, y):
        if labels == "classes":
            return F.cross_entropy(out, y)
        if labels == "logits":
            return F.binary_cross_entropy_with_logits(out, y[:, None].float())
        return F.binary_cross_entropy(torch.sigmoid(out).squeeze(1), y.float())

    unseen = make(300, False)
    for _ in range(120):
        x, y = make(32, True)
        optimizer.zero_grad()
        cost(net(x), y).backward()
        optimizer.step()
        if optimizer.state[net[0].weight]["step"] % 30 == 0:
            with torch.no_grad():
                cost(net(unseen[0]), unseen[1])


@pytest.mark.parametrize("labels", ["classes", "logits", "probabilities"])
def test_rows_of_pixels_and_yes_or_no(labels):
    with watch(overhead="all") as w:
        train_flat(labels)
    fact = w.run.facts["turned_classes"]
    assert sorted(fact["classes"]) == [0, 1]
    assert fact["turn"] in (
        "a flip of the last axis",
        "a flip of the last axis of the square",
        "half a turn of the square",
    )
    assert fact["alone"] > 0.9


def test_numbers_are_no_classes():
    kept = Turning(None, None)
    kept.trained.add(torch.randn(8, 9), torch.randn(8))
    assert (kept.trained.count, kept.trained.whole) == (0, True)


def test_trying_changes_nothing():
    alone = train(mirrored, "criterion")
    with watch(overhead="all") as w:
        watched = train(mirrored, "criterion")
    assert w.run.facts["turned_classes"]
    assert all(torch.equal(one, other) for one, other in zip(alone, watched, strict=True))


def test_each_example_is_kept_once():
    """Left-out answers would be worth nothing with a copy of the example left in."""
    kept = Turning(None, None)
    x, y = torch.randn(40, 1, 4, 4), torch.arange(40) % 2
    kept.given((x, y))
    kept.validated(x)
    kept.scored(y)
    assert kept.unseen.count == 40
    kept.end_of_pass()
    kept.validated(x)
    kept.scored(y)
    assert kept.unseen.count == 40
    kept.trained.add(torch.zeros(2, 9, 1024, 1024), y[:2])  # 36 MiB each
    assert kept.trained.count == 0
