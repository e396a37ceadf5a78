"""Every row of the table of activations, against autograd and numerical integration."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

from babysit.nn.activations import ACTIVATIONS, TABLE, activation, row_of, widening
from babysit.nn.init import init
from babysit.nn.kinds import facts_of
from babysit.nn.maxout import MaxPieces, maxout_gain
from babysit.record.recipe import ACTIVATIONS as NAMES

GRID = torch.linspace(-12, 12, 480_001, dtype=torch.float64)
WEIGHT = torch.exp(-GRID.square() / 2) / math.sqrt(2 * math.pi)
MADE = {nn.Threshold: (0.5, 0.0)}
NOT_ELEMENTWISE = {"maxout", "glu", "softmax", "softmin", "log_softmax"}
ROWS = [pytest.param(row, id=row.module.__name__) for row in TABLE if row.name not in NOT_ELEMENTWISE]
# modules whose arguments change the facts
VARIANTS = [
    nn.Hardtanh(-2.0, 2.0), nn.LeakyReLU(0.3), nn.LeakyReLU(0.0), nn.ELU(0.5), nn.ELU(2.0), nn.CELU(2.0),
    nn.Softplus(2.0), nn.PReLU(init=0.5), nn.GELU("tanh"),
]  # fmt: skip


def made(row):
    return row.module(*MADE.get(row.module, ())).double().eval()


def curve(module):
    """f and f' on the grid, by autograd."""
    x = GRID.clone().requires_grad_()
    y = module.double()(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), slope


def modules():
    return [pytest.param(made(row), id=row.module.__name__) for row in TABLE if row.name not in NOT_ELEMENTWISE] + [
        pytest.param(module, id=f"{module}") for module in VARIANTS
    ]


def test_a_recipe_and_the_table_offer_the_same():
    assert tuple(ACTIVATIONS) == NAMES


@pytest.mark.parametrize("module", modules())
def test_the_range_is_what_comes_out(module):
    y, _ = curve(module)
    row = row_of(module)
    assert row.low - 1e-6 <= y.min()
    assert y.max() <= row.high + 1e-6
    for bound, reached in ((row.low, y.min()), (row.high, y.max())):
        if math.isfinite(bound):
            assert float(reached) == pytest.approx(bound, abs=0.1 if row.name == "softsign" else 0.06)
        else:
            assert abs(reached) > 0.1


@pytest.mark.parametrize("module", modules())
def test_it_saturates_where_the_table_says(module):
    _, slope = curve(module)
    size = slope.abs() / slope.abs().max()
    alive = GRID[size >= 0.05]
    low, high = row_of(module).saturates
    for bound, edge, end in ((low, alive[0], size[0]), (high, alive[-1], size[-1])):
        tends_to_zero = float(end) < 0.005 or (row_of(module).name == "softsign" and float(end) < 0.01)
        assert (bound is not None) == tends_to_zero
        if bound is not None:
            assert bound == pytest.approx(float(edge), abs=2e-4)


@pytest.mark.parametrize("module", modules())
def test_saturated_outputs_are_the_function_at_the_saturated_inputs(module):
    row = row_of(module)
    if row.name == "threshold":
        return
    for bound, value in zip(row.saturates, row.saturated_outputs, strict=True):
        if bound is None or not row.monotone:
            assert value is None
        else:
            assert value == pytest.approx(float(module.double()(torch.tensor([bound], dtype=torch.float64))), abs=1e-6)


@pytest.mark.parametrize("module", modules())
def test_units_can_die_where_the_slope_is_exactly_zero_on_a_half_line(module):
    _, slope = curve(module)
    flat_ends = bool((slope[GRID < -8] == 0).all()) or bool((slope[GRID > 8] == 0).all())
    if row_of(module).name == "gelu":
        flat_ends = False  # underflow of float64, not the function
    assert row_of(module).units_can_die == flat_ends


@pytest.mark.parametrize("module", modules())
def test_zero_centred_is_the_mean_over_unit_gaussian_inputs(module):
    y, _ = curve(module)
    mean = torch.trapezoid(y * WEIGHT, GRID)
    std = (torch.trapezoid(y.square() * WEIGHT, GRID) - mean**2).sqrt()
    assert row_of(module).zero_centred == (abs(mean) < 0.1 * std)


@pytest.mark.parametrize("module", modules())
def test_the_gain_keeps_the_second_moment(module):
    y, _ = curve(module)
    if row_of(module).name == "threshold" or (isinstance(module, nn.Hardtanh | nn.Softplus) and module in VARIANTS):
        return  # only recognised: their gain is that of the default arguments
    assert row_of(module).gain == pytest.approx(1 / math.sqrt(torch.trapezoid(y.square() * WEIGHT, GRID)), rel=1e-4)


@pytest.mark.parametrize("pieces", [2, 3, 5])
def test_the_gain_of_maxout(pieces):
    z = torch.randn(200_000, pieces, generator=torch.Generator().manual_seed(pieces))
    assert maxout_gain(pieces) == pytest.approx(float(z.amax(1).square().mean()) ** -0.5, rel=0.02)
    assert row_of(MaxPieces(pieces)).gain == maxout_gain(pieces)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_whole(name):
    row = ACTIVATIONS[name]
    assert row.init in ("he", "xavier", "lecun")
    assert row.cost
    assert row.section
    assert row.parameters
    module = activation(name, pieces=3)
    assert isinstance(module, row.module)
    assert (widening(name, 3) == 3) == (name == "maxout")
    facts = facts_of(module)
    assert facts["role"] == "activation"
    assert facts["activation"]["name"] == name
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


@pytest.mark.parametrize("name", NAMES)
def test_the_default_init_keeps_the_signal_alive(name):
    torch.manual_seed(0)
    width = 400
    layers = []
    for _ in range(6):
        layers += [nn.Linear(width, width * widening(name, 2)), activation(name)]
    net = init(nn.Sequential(*layers), "auto", name)
    with torch.no_grad():
        rms = float(net(torch.randn(200, width)).square().mean().sqrt())
    assert 0.2 < rms < 2.5


@pytest.mark.parametrize("name", NAMES)
def test_each_works_under_vmap(name):
    module = activation(name).eval()
    x = torch.randn(3, 5, 4)
    one_by_one = torch.stack([module(part) for part in x])
    parameters = dict(module.named_parameters())
    together = torch.vmap(lambda part: torch.func.functional_call(module, parameters, (part,)))(x)
    torch.testing.assert_close(together, one_by_one)
