"""A gradient by an input without a graph that becomes a term of the loss is found, and others are not; nothing is changed."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import _get_current_function_mode_stack

from babysit.watcher import following, watch

grad = torch.autograd.grad
STEPS = 30


@pytest.fixture(autouse=True)
def _nothing_compiled(monkeypatch):
    """Where something was compiled in this process, by another test, gradients are not followed."""
    monkeypatch.setattr(following, "has_compiled", lambda: False)


def train(loss_of, device=None):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    teacher = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(STEPS):
        x = torch.randn(32, 2)
        optimizer.zero_grad()
        loss = loss_of(net, teacher, x)
        loss.backward()
        optimizer.step()
    return [value.detach().clone() for value in net.parameters()]


def poisson(net, _, x, graph=False):
    x.requires_grad_(True)
    slope = grad(net(x).sum(), x, create_graph=True)[0]
    bend = sum(grad(slope[:, at].sum(), x, retain_graph=True, create_graph=graph)[0][:, at] for at in range(2))
    return (bend - 1.0).pow(2).mean() + 10 * net(torch.ones(8, 2)).pow(2).mean()


def penalty(net, _, x, graph=False):
    x.requires_grad_(True)
    slope = grad(net(x), x, grad_outputs=torch.ones(32, 1), create_graph=graph)[0]
    return net(x).mean() + 10 * ((slope.norm(2, dim=1) - 1) ** 2).mean()


def heat(net, _, x, graph=False):
    x.requires_grad_(True)
    slope = grad(net(x).sum(), x, create_graph=True)[0]
    bend = grad(slope[:, 0].sum(), x, retain_graph=True, create_graph=graph)[0][:, 0]
    return F.mse_loss(slope[:, 1], torch.zeros(32)) + (slope[:, 1] - 0.1 * bend).square().mean()


def forces(net, teacher, x, graph=False):
    x.requires_grad_(True)
    energy = net(x)
    force = -grad(energy.sum(), x, retain_graph=True, create_graph=graph)[0]
    terms = [F.mse_loss(energy, teacher(x).detach()), F.mse_loss(force, torch.zeros(32, 2))]
    return torch.stack(terms).sum()


def adversarial(net, teacher, x):
    x.requires_grad_(True)
    y = teacher(x).detach()
    slope = grad(F.mse_loss(net(x), y), x)[0]
    loss = 0
    loss = loss + F.mse_loss(net((x + 0.1 * slope.sign()).detach()), y)
    return loss + F.mse_loss(net(x.detach()), y)


def langevin(net, _, x):
    made = torch.randn(32, 2)
    for _ in range(5):
        made = made.detach().requires_grad_(True)
        made = made - 0.1 * grad(net(made).sum(), made)[0]
    return net(x).mean() - net(made.detach()).mean() + 0.1 * net(x).square().mean()


def matched(net, teacher, x):
    """The teacher's slopes are targets."""
    x.requires_grad_(True)
    wanted = grad(teacher(x).sum(), x)[0]
    return F.mse_loss(grad(net(x).sum(), x, create_graph=True)[0], wanted) + net(x).square().mean()


def action(net, teacher, x):
    """The critic's slope by an action is what the action is moved along."""
    own = net(x)
    taken = torch.cat([own, x[:, :1]], 1).detach().requires_grad_(True)
    slope = grad(teacher(taken).sum(), taken)[0]
    return -(slope[:, :1] * own).mean() + 0.01 * own.square().mean()


def looked_at(net, teacher, x):
    x.requires_grad_(True)
    out = net(x)
    size = grad(out.sum(), x, retain_graph=True)[0].norm().item()
    return F.mse_loss(out, teacher(x).detach()) + 0 * size


@pytest.mark.parametrize("loss_of", [poisson, penalty, heat, forces])
def test_a_term_that_is_a_number_is_told(loss_of):
    with watch(overhead="all") as w:
        train(loss_of)
    (finding,) = [one for one in w.findings if one.id == "regularization-not-wired"]
    assert (finding.severity, finding.stage) == ("error", "confirmed")
    assert "test_dead_gradients.py" in finding.source
    assert not _get_current_function_mode_stack()


@pytest.mark.parametrize(
    "loss_of",
    [
        lambda *given: poisson(*given, graph=True),
        lambda *given: penalty(*given, graph=True),
        lambda *given: heat(*given, graph=True),
        lambda *given: forces(*given, graph=True),
        adversarial,
        langevin,
        matched,
        action,
        looked_at,
    ],
)
def test_others_are_not(loss_of):
    with watch(overhead="all") as w:
        train(loss_of)
    assert "dead_gradients" not in w.run.facts
    assert not [one for one in w.run.events if one.kind == "warning"]
    assert not _get_current_function_mode_stack()


@pytest.mark.parametrize("loss_of", [poisson, heat, langevin, lambda *given: poisson(*given, graph=True)])
def test_following_changes_nothing(loss_of):
    alone = train(loss_of)
    with watch(overhead="all"):
        watched = train(loss_of)
    assert all(torch.equal(one, other) for one, other in zip(alone, watched, strict=True))


def test_somebody_elses_mode_is_left_alone():
    """`with torch.device(...)` is one, and must be left first where it was entered last."""

    def inside(net, teacher, x):
        with torch.device("cpu"):
            return poisson(net, teacher, x)

    with watch(overhead="all") as w:
        train(inside)
        assert not _get_current_function_mode_stack()
    assert "dead_gradients" not in w.run.facts
    assert not [one for one in w.run.events if one.kind == "warning"]


def test_what_the_script_calls_is_heard_once():
    """A criterion that is computed while a gradient is followed stands in the record as one."""

    def loss_of(net, teacher, x):
        return penalty(net, teacher, x) + F.mse_loss(net(x.detach()), teacher(x).detach())

    with watch(overhead="all") as w:
        train(loss_of)
    assert len(w.run.facts["criteria"]) == 1
