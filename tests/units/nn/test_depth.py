"""Depth profiles against numbers counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from babysit.nn import depth_profile


def test_counted_by_hand():
    net = nn.Sequential(nn.ReLU())
    x = torch.tensor([[-1.0, 2.0, -3.0, 0.0], [-2.0, -1.0, 4.0, -1.0]])
    (layer,) = depth_profile(net, x)
    assert (layer.name, layer.activation) == ("0", "relu")
    assert layer.mean == pytest.approx(6 / 8)
    assert layer.std == pytest.approx(float(torch.relu(x).std(correction=0)))
    assert layer.saturated == pytest.approx(6 / 8)
    assert layer.dead == 2 / 4  # the first and the last unit


@pytest.mark.parametrize(
    ("module", "inside", "outside"),
    [(nn.Tanh(), 2.17, 2.19), (nn.Sigmoid(), 4.35, 4.36), (nn.Hardtanh(-2, 2), 1.99, 2.0), (nn.Softsign(), 3.4, 3.5)],
)
def test_saturated_begins_at_five_percent_of_the_slope(module, inside, outside):
    x = torch.tensor([[inside, -inside], [outside, -outside]])
    assert [depth_profile(module, row[None])[0].saturated for row in x] == [0.0, 1.0]


def test_a_unit_of_images_is_a_channel_and_of_sequences_a_feature():
    x = torch.ones(4, 3, 2, 2)
    x[:, 1] = -1
    x[0, 0, 0, 0] = -1
    assert depth_profile(nn.ReLU(), x)[0].dead == pytest.approx(1 / 3)
    x = torch.ones(4, 5, 2)
    x[..., 0] = -1
    assert depth_profile(nn.ReLU(), x)[0].dead == 1 / 2


def test_what_can_not_die_is_never_dead():
    assert depth_profile(nn.Tanh(), torch.full((3, 2), 50.0))[0].dead == 0
    assert depth_profile(nn.LeakyReLU(), torch.full((3, 2), -50.0))[0].dead == 0


def test_the_order_is_that_of_running_and_no_hook_stays():
    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.late, self.early = nn.ReLU(), nn.Tanh()

        def forward(self, x):
            return self.late(self.early(self.late(x)))

    net = Mine()
    assert [layer.name for layer in depth_profile(net, torch.ones(2, 2))] == ["late", "early", "late"]
    assert not net.late._forward_hooks
    with pytest.raises(TypeError):
        depth_profile(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), "no tensor")
    broken = nn.Sequential(nn.ReLU(), nn.Linear(2, 2))
    with pytest.raises(RuntimeError):
        depth_profile(broken, torch.ones(2, 3))
    assert not broken[0]._forward_hooks
