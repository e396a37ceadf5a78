"""Labels that were poured into one class are told from a class that others shade into."""

import torch

from babysit.record import Run
from babysit.rules.suspicious_labels import suspicious_labels
from babysit.watcher.confusion import POURED, counts, poured


def passes(labels_of, distance=3.0, rounds=6, seed=0):
    """What a network that knows the densities answers: one class in the middle, three around it."""
    rng = torch.Generator().manual_seed(seed)
    angle = torch.arange(3) * 2.0944
    centres = torch.cat([torch.zeros(1, 2), distance * torch.stack([angle.cos(), angle.sin()], 1)])
    rows = []
    for _ in range(rounds):
        y = torch.randint(4, (1200,), generator=rng)
        x = centres[y] + torch.randn(1200, 2, generator=rng)
        scores = -(x[:, None] - centres).square().sum(-1) / 2
        table = counts("cross_entropy", scores, labels_of(y, scores, rng), {})
        rows.append(poured(table).tolist())
    return dict(zip(POURED, zip(*rows, strict=True), strict=True))


def unread(y, scores, rng):
    return torch.where(torch.rand(len(y), generator=rng) < 0.4, 0, y)


def as_they_are(y, scores, rng):
    return y


def one_only(y, scores, rng):
    return torch.where((torch.rand(len(y), generator=rng) < 0.45) & (y == 1), 0, y)


def said(readings):
    run = Run.of(
        {name: list(values) for name, values in readings.items()}, facts={"task": {"kind": "classes", "classes": 4}}
    )
    return [one.message for one in suspicious_labels(run)]


def test_labels_that_fell_back_to_the_first_class():
    readings = passes(unread)
    assert abs(sum(readings["errors.poured_rate"]) / 6 - 0.4) < 0.03
    assert set(readings["errors.poured_into"]) == {0}
    (message,) = said(readings)
    assert "Were labels that could not be read set to 0?" in message


def test_classes_that_shade_into_the_first_one():
    """As many errors, as even, but the network is less sure where it errs."""
    readings = passes(as_they_are, distance=1.6)
    assert min(readings["errors.foreseen"]) > 0.4
    assert said(readings) == []


def test_a_single_class_that_is_taken_for_the_first():
    assert said(passes(one_only, distance=2.2)) == []


def test_margins_are_of_the_two_largest_scores():
    scores = torch.tensor([[2.0, 5.0, 1.0], [0.0, 1.0, 4.0]])
    table = counts("cross_entropy", scores, torch.tensor([0, 2]), {})
    assert table[0].nonzero().tolist() == [[0, 1], [2, 2]]
    assert (table[1, 0, 1].item(), table[1, 2, 2].item()) == (3.0, 3.0)
    assert table[2].sum().item() == 18.0
    one = counts("binary_cross_entropy_with_logits", torch.tensor([-2.0, 3.0]), torch.tensor([1.0, 1.0]), {})
    assert one[1].tolist() == [[0.0, 0.0], [2.0, 3.0]]
