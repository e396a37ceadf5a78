"""Weights moved by hand are told from those that an optimizer moves."""

import torch

from babysit.watcher import watch


def test_an_adversary_that_steps_first_is_not_moved_by_hand():
    torch.manual_seed(0)
    maker, judge = torch.nn.Linear(4, 2), torch.nn.Linear(2, 1)
    score = torch.nn.functional.binary_cross_entropy_with_logits
    with watch() as w:
        makers, judges = torch.optim.Adam(maker.parameters()), torch.optim.Adam(judge.parameters())
        for _ in range(20):
            made = maker(torch.randn(16, 4))
            judges.zero_grad()
            (
                score(judge(torch.randn(16, 2)), torch.ones(16, 1)) + score(judge(made.detach()), torch.zeros(16, 1))
            ).backward()
            judges.step()
            makers.zero_grad()
            score(judge(made), torch.ones(16, 1)).backward()
            makers.step()
    assert [one["kind"] for one in w.run.facts["optimizers"]] == ["Adam", "Adam"]
    assert w.run.step == 20
    assert "gradients-accumulate" not in {one.id for one in w.findings}
