"""Two networks with an optimizer each: whose step finds no gradient, and why."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit


def adversarial(*, cut, forgotten, late=False):
    """Six rounds of a small generator and its judge."""
    torch.manual_seed(0)
    maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    judge = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    for_maker, for_judge = (torch.optim.Adam(one.parameters(), lr=1e-3) for one in (maker, judge))
    ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
    with babysit.watch(overhead="all") as w:
        for _ in range(6):
            fake, real = maker(torch.randn(32, 4)), torch.randn(32, 2) + 3
            for_judge.zero_grad()
            doubt = F.binary_cross_entropy_with_logits(judge(real), ones)
            (doubt + F.binary_cross_entropy_with_logits(judge(fake.detach()), zeros)).backward()
            for_judge.step()
            for_maker.zero_grad()
            loss = F.binary_cross_entropy_with_logits(judge(fake.detach() if cut else fake), ones)
            if not forgotten:
                loss.backward()
            if late:
                for_maker.zero_grad()
            for_maker.step()
    return [one.id for one in w.findings if one.severity == "error"]


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"cut": True, "forgotten": False}, "graph-cut"),
        ({"cut": False, "forgotten": True}, "step-without-gradients"),
        ({"cut": False, "forgotten": False, "late": True}, "step-without-gradients"),
        ({"cut": False, "forgotten": False}, None),
    ],
)
def test_a_step_without_gradients_is_told_from_a_cut(fault, named):
    assert adversarial(**fault)[:1] == ([named] if named else [])
