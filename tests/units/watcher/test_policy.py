"""Policy gradients and their sign, held against the gradient that autograd computes; and what is said of a whole training."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Normal
from torch.nn import functional as F

from babysit.watcher import watch
from babysit.watcher.gains import correlation, numbers
from babysit.watcher.policy import policy_of

N = 6
W = torch.tensor([0.5, -1.0, 2.0, 0.3, -0.7, 1.1])
A = torch.tensor([0, 2, 1, 3, 2, 0])
MASK = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
ROWS = torch.arange(N)


def categorical(o):
    return Categorical(logits=o).log_prob(A)


def gathered(o):
    return o.log_softmax(-1).gather(1, A[:, None]).squeeze(1)


def ratio(o):
    return (gathered(o) - gathered(o).detach() - 0.01).exp()


def in_turn(o):
    loss = 0
    for row, action, weight in zip(o, A, W, strict=True):
        loss = loss - Categorical(logits=row).log_prob(action) * weight
    return loss


@pytest.mark.parametrize("minus", [1, -1])
@pytest.mark.parametrize(
    "make",
    [
        lambda o: (categorical(o) * W).mean(),
        lambda o: -(W * categorical(o)).sum() / N + 0.5 * (o[:, 0] - W).pow(2).mean(),
        lambda o: (Categorical(probs=o.softmax(1)).log_prob(A) * W * MASK).sum() / MASK.sum(),
        lambda o: -0.5 * (gathered(o) * W).mean() - 0.01 * Categorical(logits=o).entropy().mean(),
        lambda o: (-o.log_softmax(1)[ROWS, A] * W)[MASK > 0].mean(),
        lambda o: (F.cross_entropy(o, A, reduction="none") * W).mean(),
        lambda o: torch.stack([-one * weight for one, weight in zip(categorical(o), W, strict=True)]).sum(),
        lambda o: torch.cat([(one * weight)[None] for one, weight in zip(gathered(o), W, strict=True)]).mean(),
        in_turn,
        lambda o: -(Bernoulli(logits=o[ROWS, A]).log_prob(torch.ones(N)) * W).mean(),
        lambda o: (Normal(o, 1.0).log_prob(o.detach() + F.one_hot(A, 4)).sum(-1) * W).mean(),
        lambda o: -(ratio(o) * W).mean(),
        lambda o: -torch.min(ratio(o) * W, ratio(o).clamp(0.8, 1.2) * W).mean(),
    ],
)
def test_the_sign_is_that_of_the_gradient(make, minus):
    """The loss grows with weight times log-probability where its gradient by the chosen score has the weight's sign."""
    torch.manual_seed(0)
    scores = torch.randn(N, 4, requires_grad=True)
    loss = minus * make(scores)
    found = policy_of(loss)
    (slope,) = torch.autograd.grad(loss, scores)
    assert found.sign == (1 if (slope[ROWS, A] * W).sum() > 0 else -1)


def test_the_bound_tells_of_a_hidden_minus():
    """The larger of two that are weighted by minus the gain is the same as minus the smaller of two weighted by the gain."""
    scores = torch.randn(N, 4, requires_grad=True)
    r = ratio(scores)
    sound = policy_of(torch.max(-W * r, -W * r.clamp(0.8, 1.2)).mean())
    wrong = policy_of(torch.min(W * r, W * r.clamp(0.8, 1.2)).mean())
    assert (sound.sign, sound.clipped, wrong.sign, wrong.clipped) == (-1, True, 1, True)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: F.cross_entropy(o, A),
        lambda o: -gathered(o).mean(),
        lambda o: -(F.one_hot(A, 4) * o.log_softmax(1)).sum(1).mean(),
        lambda o: (o.softmax(1) * o.log_softmax(1)).sum(1).mean(),
        lambda o: 0.5 * F.mse_loss(o[:, 0], W) + 0.1 * F.cross_entropy(o, A),
        lambda o: (0.2 * Normal(o, 1.0).log_prob(Normal(o, 1.0).rsample()).sum(-1) - o[:, 0]).mean(),
    ],
)
def test_others_are_none(make):
    assert policy_of(make(torch.randn(N, 4, requires_grad=True))) is None


def test_numbers_and_correlation():
    assert numbers([1, 2.5]).tolist() == [1.0, 2.5]
    assert numbers([torch.ones(2), torch.zeros(2)]).tolist() == [1.0, 1.0, 0.0, 0.0]
    assert numbers(lambda: 1) is None
    assert numbers(["a"]) is None
    assert numbers(torch.arange(3)) is None
    assert correlation(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([-1.0, -2.0, -4.0])).item() == pytest.approx(-1)
    assert correlation(torch.ones(3), W[:3]).item() == 0


def arms():
    torch.manual_seed(0)
    policy = nn.Linear(2, 4)
    return policy, torch.optim.Adam(policy.parameters(), lr=0.03), torch.tensor([0.1, 0.2, 0.4, 1.0])


def wrong(steps=150):
    policy, optimizer, worth = arms()
    for _ in range(steps):
        choice = Categorical(logits=policy(torch.ones(64, 2)))
        action = choice.sample()
        rewards = worth[action] + 0.05 * torch.randn(64)
        loss = (choice.log_prob(action) * (rewards - rewards.mean())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def sound(steps=150):
    policy, optimizer, worth = arms()
    for _ in range(steps):
        choice = Categorical(logits=policy(torch.ones(64, 2)))
        action = choice.sample()
        rewards = worth[action] + 0.05 * torch.randn(64)
        loss = -(choice.log_prob(action) * (rewards - rewards.mean())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def costs(steps=150):
    policy, optimizer, worth = arms()
    for _ in range(steps):
        choice = Categorical(logits=policy(torch.ones(64, 2)))
        action = choice.sample()
        cost = worth[action] + 0.05 * torch.randn(64)
        loss = (choice.log_prob(action) * (cost - cost.mean())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def minus_inside(steps=150):
    policy, optimizer, worth = arms()
    for _ in range(steps):
        choice = Categorical(logits=policy(torch.ones(64, 2)))
        action = choice.sample()
        rewards = worth[action] + 0.05 * torch.randn(64)
        loss = (choice.log_prob(action) * (rewards.mean() - rewards)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def uphill(steps=150):
    policy, _, worth = arms()
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.03, maximize=True)
    for _ in range(steps):
        choice = Categorical(logits=policy(torch.ones(64, 2)))
        action = choice.sample()
        rewards = worth[action] + 0.05 * torch.randn(64)
        gain = (choice.log_prob(action) * (rewards - rewards.mean())).mean()
        optimizer.zero_grad()
        gain.backward()
        optimizer.step()


def said(train):
    with watch(overhead="all") as watched:
        train()
    return [finding for finding in watched.findings if finding.id == "loss-wrong-sign"]


def test_a_reward_without_its_minus_is_told():
    (finding,) = said(wrong)
    assert (finding.severity, finding.stage) == ("error", "suspect")
    assert "`rewards` went from" in finding.message


@pytest.mark.parametrize("train", [sound, costs, minus_inside, uphill])
def test_others_are_not(train):
    assert said(train) == []
