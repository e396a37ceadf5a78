"""Each probe against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from babysit.nn import facts_of
from babysit.probes import Probe, probe
from babysit.registry import member


def readings(name, x, axis=1, facts=None):
    """What an activation's probe comes to on the host."""
    one = get(name)
    return one.finish(one(x, axis, facts or {}).reshape(-1).tolist(), x.shape)


def get(name):
    return member("babysit.probes", Probe, name)


@pytest.fixture
def x():
    return torch.randn(40, 6, generator=torch.Generator().manual_seed(1)) * 2 + 0.5


def test_moments(x):
    mean, std, _ = readings("activation_moments", x)
    assert mean == pytest.approx(x.numpy().mean(), rel=1e-5)
    assert std == pytest.approx(x.numpy().std(), rel=1e-5)


def test_dead_units_are_units_and_not_elements(x):
    relu = torch.relu(x - 5)
    relu[3, 2] = 1.0
    alive = get("activation_dead")(relu, 1, {}).numpy()
    assert (alive == (relu.numpy() > 0).any(0)).all()
    maps = torch.zeros(2, 3, 4, 4)
    maps[1, 2, 3, 3] = 0.5
    assert get("activation_dead")(maps, 1, {}).tolist() == [False, False, True]


def test_saturation_follows_the_facts_of_the_activation():
    facts = facts_of(nn.Sigmoid())
    z = torch.linspace(-8, 8, 1001).unsqueeze(1)
    out = torch.sigmoid(z)
    low, high = facts["activation"]["saturates"]["output"]
    expected = ((out < low) | (out > high)).double().mean().item()
    assert get("activation_saturated")(out, 1, facts).item() == pytest.approx(expected, abs=1e-6)
    assert get("activation_saturated")(torch.relu(z), 1, facts_of(nn.ReLU())) is None


def test_between_is_what_is_left_of_the_input(x):
    value = readings("activation_moments", x)[2]
    a = x.numpy()
    assert value == pytest.approx(a.var(0).mean() / a.var(), rel=1e-5)


def test_what_is_constant_has_no_variance_at_all():
    row = torch.randn(1, 7, generator=torch.Generator().manual_seed(3)) * 1e3
    assert readings("activation_moments", row.expand(33, 7).contiguous())[2] == 0
    assert get("batch_moments")(torch.full((33, 7), 0.1))[1].item() == 0
    assert get("batch_features")(row.expand(33, 7).contiguous()).tolist()[:2] == [0, pytest.approx(np.nan, nan_ok=True)]


def test_a_small_spread_about_a_large_mean_is_seen():
    x = 1e4 + torch.randn(500, 8, generator=torch.Generator().manual_seed(4))
    mean, std, between = readings("activation_moments", x)
    a = x.double().numpy()
    assert (mean, std) == (pytest.approx(a.mean()), pytest.approx(a.std(), rel=1e-4))
    assert between == pytest.approx(a.var(0).mean() / a.var(), rel=1e-3)


def test_rank_by_the_definition(x):
    rank = get("activation_rank")(x, 1, {}).item()
    s = np.linalg.svd(x.double().numpy() - x.double().numpy().mean(0), compute_uv=False) ** 2
    p = s / s.sum()
    assert rank == pytest.approx(np.exp(-(p * np.log(p)).sum()) / 6, rel=1e-6)


def test_update_is_the_real_change(x):
    after = x + 0.01 * torch.randn(40, 6, generator=torch.Generator().manual_seed(2))
    ratio, norm, cosine = get("update_size")([x], [after])[:, 0].tolist()
    a, d = x.numpy(), (after - x).numpy()
    assert ratio == pytest.approx(np.linalg.norm(d) / np.linalg.norm(a), rel=1e-4)
    assert norm == pytest.approx(np.linalg.norm(d), rel=1e-4)
    assert cosine == pytest.approx(-(a * d).sum() / np.linalg.norm(a) / np.linalg.norm(d), abs=1e-4)


def test_features(x):
    scaled = x * torch.tensor([1.0, 1, 1, 1, 1, 100])
    offset, middle, spread = get("batch_features")(scaled).tolist()
    a = scaled.numpy()
    ratios = np.abs(a.mean(0)) / a.std(0)
    assert offset == pytest.approx(ratios.max(), rel=1e-4)
    assert middle == pytest.approx(np.sort(ratios)[2], rel=1e-4)
    assert spread == pytest.approx(a.std(0).max() / np.sort(a.std(0))[2], rel=1e-4)


def test_a_distribution_is_recognised(x):
    p, logs = torch.softmax(x, 1), torch.log_softmax(x, 1)
    index = get("output_shape").gives.index
    assert get("output_shape")(p, None)[index("output.row_sum_error")] < 1e-5
    assert get("output_shape")(x, None)[index("output.row_sum_error")] == -1
    assert get("output_shape")(logs, None)[index("output.log_row_sum_error")] < 1e-4


def test_running_statistics(x):
    norm = nn.BatchNorm1d(6).train()
    for _ in range(200):
        norm(x)
    gap, ratio, batch, updates = get("norm_running")(x, norm).tolist()
    assert gap < 1e-3
    assert ratio == pytest.approx(40 / 39, rel=1e-2)
    assert (batch, updates) == (40, 200)


def test_clones():
    rows = torch.randn(6, 10)
    rows[4] = rows[1] * 3
    assert get("weight_clones")([rows]).item() == pytest.approx(2 / 30)
    assert get("weight_clones")([rows.fill_(torch.nan)]).isnan()


def test_a_probe_says_where_it_belongs():
    with pytest.raises(ValueError, match="site must be one of"):
        probe("nowhere", gives="a.b")
    assert get("activation_dead").fits(facts_of(nn.ReLU()))
    assert not get("activation_dead").fits(facts_of(nn.Tanh()))
    assert not get("activation_dead").fits(facts_of(nn.Linear(2, 2)))
