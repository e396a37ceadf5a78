"""Lanes of a fleet against the same network trained alone by PyTorch's own optimizer."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from babysit.claims._fleet import Fleet
from babysit.claims._networks import dead, signal
from babysit.nn import init, mlp


def data(count=60, features=5):
    random = torch.Generator().manual_seed(1)
    x = torch.randn(count, features, generator=random)
    return x, (x[:, 0] + x[:, 1] > 0).long()


def nets(count, **options):
    return [
        init(mlp((5,), 2, width=8, **options), "he", generator=torch.Generator().manual_seed(seed))
        for seed in range(count)
    ]


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_lane_is_the_network_alone(kind):
    x, y = data()
    made = nets(3)
    lrs, decays = [0.01, 0.03, 0.1], [0.0, 1e-2, 1e-3]
    ships = Fleet(made, seeds=[0, 1, 2], lr=lrs, decay=decays, optimizer=kind)
    ships.train(x, y, 25, batch=len(x), every=25)
    for lane, net in enumerate(made):
        alone = copy.deepcopy(net)
        weights = [one for one in alone.parameters() if one.dim() > 1]
        biases = [one for one in alone.parameters() if one.dim() == 1]
        groups = [{"params": weights, "weight_decay": decays[lane]}, {"params": biases, "weight_decay": 0.0}]
        own = (
            torch.optim.SGD(groups, lr=lrs[lane], momentum=0.9)
            if kind == "sgd"
            else torch.optim.Adam(groups, lr=lrs[lane])
        )
        for _ in range(25):
            own.zero_grad()
            F.cross_entropy(alone(x), y).backward()
            own.step()
        for name, one in alone.named_parameters():
            torch.testing.assert_close(ships.parameters[name][lane].detach(), one.detach(), rtol=2e-3, atol=2e-5)


def test_a_lane_comes_out_the_same_in_any_company():
    x, y = data()
    made = nets(3)
    together = Fleet(made, seeds=[0, 1, 2], lr=0.05)
    together.train(x, y, 20, batch=16)
    alone = Fleet(made[1:2], seeds=[1], lr=0.05)
    alone.train(x, y, 20, batch=16)
    np.testing.assert_allclose(together.loss(x, y)[1], alone.loss(x, y)[0], rtol=1e-4)


def test_batch_norm_keeps_its_own_statistics_by_lane():
    x, y = data()
    made = nets(2, norm="batch")
    ships = Fleet(made, seeds=[0, 1], lr=0.01)
    ships.train(x, y, 1, batch=len(x))
    for lane, net in enumerate(made):
        net.train()(x)
        wanted = dict(net.named_buffers())
        for name, one in ships.buffers.items():
            torch.testing.assert_close(one[lane], wanted[name], rtol=1e-4, atol=1e-6)


def test_curves_tell_the_first_step_by_itself():
    x, y = data()
    ships = Fleet(nets(2), seeds=[0, 1], lr=0.0)
    run = ships.train(x, y, 10, batch=len(x), every=5)
    assert run.steps.tolist() == [0, 5, 10]
    np.testing.assert_allclose(run.loss, np.tile(ships.loss(x, y), (3, 1)), rtol=1e-5)


def test_dead_units_are_counted():
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.copy_(torch.tensor([-1.0, 1.0, -1.0, 1.0]))
    assert dead(net, torch.randn(20, 2)) == 0.5


def test_the_signal_is_autograds():
    x, y = data()
    (net,) = nets(1)
    outputs, gradients = signal(net, x, y)
    kept = net.linear1(x).detach().requires_grad_()
    rest = nn.Sequential(*list(net)[1:])
    F.cross_entropy(rest(kept), y).backward()
    torch.testing.assert_close(gradients[0], kept.grad)
    torch.testing.assert_close(outputs[0], torch.relu(net.linear1(x)).detach())
