"""How weights start: closed forms for every layer, chance at the output, the lecture's numbers."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from babysit.errors import RecipeError
from babysit.nn import Maxout, MaxoutConv2d, convnet, depth_profile, init, mlp, resnet
from babysit.nn.activations import ACTIVATIONS, named
from babysit.nn.maxout import maxout_gain
from babysit.record.recipe import INITS

SANE = ("xavier", "he", "lecun", "orthogonal", "lsuv", "auto")  # "pytorch" is PyTorch's to answer for


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def std_of(weight):
    return float(weight.detach().std())


def hidden(layer, *after):
    """A layer with enough behind it not to be the output."""
    return nn.Sequential(layer, *after, nn.Flatten(), nn.Linear(1, 1))


# the formulas

FORMULAS = {
    "xavier": lambda fan_in, fan_out, gain: math.sqrt(2 / (fan_in + fan_out)),
    "lecun": lambda fan_in, fan_out, gain: math.sqrt(1 / fan_in),
    "he": lambda fan_in, fan_out, gain: gain / math.sqrt(fan_in),
    "small": lambda fan_in, fan_out, gain: 0.01,
    "large": lambda fan_in, fan_out, gain: 1.0,
}
LAYERS = [
    (lambda: nn.Linear(300, 200), 300, 200),
    (lambda: nn.Conv1d(60, 80, 5), 300, 400),
    (lambda: nn.Conv2d(32, 64, 3), 288, 576),
    (lambda: nn.Conv2d(64, 64, 3, groups=4), 144, 144),
    (lambda: nn.Conv3d(16, 24, 3), 432, 648),
    (lambda: nn.ConvTranspose2d(40, 20, 4, stride=2), 160, 80),
]


@pytest.mark.parametrize("how", FORMULAS)
@pytest.mark.parametrize(("make", "fan_in", "fan_out"), LAYERS)
def test_the_std_is_the_formulas(how, make, fan_in, fan_out):
    net = hidden(make(), nn.Tanh())
    init(net, how, generator=seeded())
    expected = FORMULAS[how](fan_in, fan_out, named("tanh").gain)
    assert std_of(net[0].weight) == pytest.approx(expected, rel=0.03)
    assert abs(float(net[0].weight.detach().mean())) < 0.03 * expected
    assert not net[0].bias.any()


@pytest.mark.parametrize("make", [lambda: Maxout(300, 100, 3), lambda: MaxoutConv2d(32, 40, 3, pieces=3)])
@pytest.mark.parametrize("how", ["xavier", "lecun", "he"])
def test_the_fans_of_maxout_are_those_of_its_units(make, how):
    net = hidden(make())
    init(net, how, generator=seeded())
    weight = next(net[0].parameters())
    fan_in, fan_out = (300, 100) if weight.dim() == 2 else (288, 360)
    assert std_of(weight) == pytest.approx(FORMULAS[how](fan_in, fan_out, maxout_gain(3)), rel=0.03)


def test_orthogonal_is_orthogonal_piece_by_piece():
    net = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), Maxout(20, 10, 2), nn.Linear(10, 3))
    init(net, "orthogonal", generator=seeded())
    torch.testing.assert_close(net[0].weight @ net[0].weight.T, 2 * torch.eye(20), atol=1e-5, rtol=0)
    for piece in net[2].linear.weight.chunk(2):
        torch.testing.assert_close(piece @ piece.T, torch.eye(10), atol=1e-5, rtol=0)
    torch.testing.assert_close(net[3].weight @ net[3].weight.T, 0.01 * torch.eye(3), atol=1e-6, rtol=0)


@pytest.mark.parametrize("make", [
    lambda: mlp((64,), 10, width=100, depth=4, activation="sigmoid"),
    lambda: mlp((64,), 10, width=100, depth=4, activation="maxout"),
    lambda: convnet((1, 8, 8), 10, width=16, depth=2),
])  # fmt: skip
def test_lsuv_gives_every_layer_unit_variance(make):
    torch.manual_seed(0)
    net = make()
    x = torch.randn(256, *((64,) if isinstance(net[0], nn.Linear) else (1, 8, 8))) * 3 + 1
    init(net, "lsuv", sample=x, generator=seeded())
    seen = {}
    for name, module in net.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.register_forward_hook(lambda m, i, o, name=name: seen.__setitem__(name, std_of(o)))
    net(x)
    assert seen.pop("output") == pytest.approx(0.1, rel=1e-3)
    assert len(seen) == 4
    assert all(value == pytest.approx(1.0, rel=1e-3) for value in seen.values())


def test_lsuv_leaves_modes_statistics_and_random_state_alone():
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    net[1].eval()
    state = torch.get_rng_state()
    init(net, "lsuv", sample=torch.ones(5, 4) * torch.arange(5)[:, None], generator=seeded())
    assert torch.equal(state, torch.get_rng_state())
    assert [module.training for module in net] == [True, False, True, True, True]
    assert not net[1].running_mean.any()
    assert not any(module._forward_hooks for module in net)


# other layers


def test_recurrent_layers_gate_by_gate():
    net = nn.LSTM(50, 40, num_layers=2)
    init(net, "xavier", generator=seeded())
    assert std_of(net.weight_ih_l0) == pytest.approx(math.sqrt(2 / 90), rel=0.03)
    for gate in net.weight_hh_l1.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(40), atol=1e-5, rtol=0)
    assert not net.bias_ih_l0.any()
    cell = init(nn.GRUCell(50, 40), "he", generator=seeded())
    assert std_of(cell.weight_ih) == pytest.approx(math.sqrt(1 / 50), rel=0.03)


def test_attention_and_embeddings():
    layer = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True)
    net = nn.Sequential(nn.Embedding(10, 64), layer, nn.Linear(64, 5))
    before = net[0].weight.detach().clone()
    init(net, "he", generator=seeded())
    assert torch.equal(net[0].weight, before)
    assert std_of(layer.self_attn.in_proj_weight) == pytest.approx(1 / 8, rel=0.03)
    assert std_of(layer.self_attn.out_proj.weight) == pytest.approx(1 / 8, rel=0.03)
    assert std_of(layer.linear1.weight) == pytest.approx(math.sqrt(2) / 8, rel=0.03)
    assert not layer.self_attn.in_proj_bias.any()
    assert bool((layer.norm1.weight == 1).all())


def test_norms_and_prelu_are_left_alone():
    net = mlp((5,), 2, width=8, norm="batch", activation="prelu")
    with torch.no_grad():
        net.norm1.weight.fill_(3)
        net.norm1.bias.fill_(2)
    init(net, "large")
    assert (float(net.norm1.weight.detach()[0]), float(net.norm1.bias.detach()[0])) == (3, 2)
    assert float(net.prelu1.weight.detach()) == 0.25


def test_tied_weights_start_once_and_parametrized_ones_through_their_parametrization():
    net = nn.Sequential(nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 2))
    net[2].weight = net[0].weight
    init(net, "lecun", generator=seeded())
    assert net[2].weight is net[0].weight
    normed = nn.Sequential(weight_norm(nn.Linear(200, 100)), nn.ReLU(), nn.Linear(100, 2))
    init(normed, "he", generator=seeded())
    assert std_of(normed[0].weight) == pytest.approx(math.sqrt(2 / 200), rel=0.03)


def test_the_output_layer_is_found_where_the_activation_is_registered_last():
    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.act = nn.Linear(100, 100), nn.Linear(100, 100), nn.Tanh()

        def forward(self, x):
            return self.two(self.act(self.one(x)))

    net = init(Mine(), "he", generator=seeded())
    assert std_of(net.one.weight) == pytest.approx(named("tanh").gain / 10, rel=0.03)
    assert std_of(net.two.weight) == pytest.approx(0.1 / 10, rel=0.03)


def test_a_softmax_behind_the_output_doesnt_hide_it():
    net = init(nn.Sequential(nn.Linear(100, 50), nn.Softmax(1)), "lecun", generator=seeded())
    assert std_of(net[0].weight) == pytest.approx(0.01, rel=0.03)
    net = init(nn.Sequential(nn.Linear(100, 50), nn.Tanh()), "lecun", generator=seeded())
    assert std_of(net[0].weight) == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("how", [how for how in INITS if how != "pytorch"])
def test_the_same_generator_gives_the_same_weights(how):
    x = torch.randn(20, 8, generator=seeded())
    make = lambda seed: init(mlp((8,), 3, width=9), how, sample=x, generator=seeded(seed)).state_dict()  # noqa: E731
    a, b, other = make(1), make(1), make(2)
    assert all(torch.equal(a[name], b[name]) for name in a)
    if how != "zero":
        assert not torch.equal(a["linear1.weight"], other["linear1.weight"])


def test_zero_is_zero_and_pytorch_is_pytorchs():
    net = mlp((8,), 3, width=9)
    before = net.linear1.weight.detach().clone()
    assert torch.equal(init(net, "pytorch").linear1.weight, before)
    assert not any(parameter.any() for parameter in init(net, "zero").parameters())


def test_other_types_of_weights():
    net = init(mlp((100,), 3, width=100).to(torch.bfloat16), "he", generator=seeded())
    assert net.linear1.weight.dtype == torch.bfloat16
    assert std_of(net.linear1.weight.float()) == pytest.approx(math.sqrt(2) / 10, rel=0.03)


def test_auto_follows_the_activation():
    for name, row in ACTIVATIONS.items():
        auto = init(mlp((20,), 3, width=30, activation=name), "auto", generator=seeded()).state_dict()
        told = init(mlp((20,), 3, width=30, activation=name), row.init, name, generator=seeded()).state_dict()
        torch.testing.assert_close(auto, told)


def test_what_can_not_be_is_said():
    net = nn.Linear(2, 2)
    for call, words in (
        (lambda: init(net, "kaiming"), "init has no 'kaiming'"),
        (lambda: init(net, "he", "rely"), "did you mean relu"),
        (lambda: init(net, "lsuv"), "a sample must be given"),
        (lambda: init(nn.Sequential(nn.LazyLinear(3)), "he"), "lazy layer '0' has none yet"),
    ):
        with pytest.raises(RecipeError, match=words):
            call()


# chance at the output


@pytest.mark.parametrize("how", SANE)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "maxout", "selu", "softplus"])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_loss_starts_at_chance_on_digits(how, activation, classes):
    x, y = digits(classes)
    net = mlp((64,), classes, width=128, depth=3, activation=activation)
    init(net, how, activation, sample=x[:256], generator=seeded())
    loss = F.cross_entropy(net(x), y).item()
    assert loss == pytest.approx(math.log(classes), rel=0.1)


@pytest.mark.parametrize("how", SANE)
@pytest.mark.parametrize("make", [convnet, resnet])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_loss_starts_at_chance_with_convolutions(how, make, norm):
    x, y = digits(10)
    x = x[:256].reshape(-1, 1, 8, 8)
    net = make((1, 8, 8), 10, width=16, depth=2, norm=norm)
    init(net, how, "relu", sample=x, generator=seeded())
    assert F.cross_entropy(net(x), y[:256]).item() == pytest.approx(math.log(10), rel=0.1)


@pytest.mark.parametrize("scale", [1 / 16, 1.0])
def test_even_where_the_pixels_are_only_centred(scale):
    x, y = digits(10, standardized=False)
    net = init(mlp((64,), 10), "he", "relu", generator=seeded())
    assert F.cross_entropy(net(x * scale), y).item() == pytest.approx(math.log(10), rel=0.1)


def digits(classes, standardized=True):
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32), torch.tensor(labels)
    x = x - x.mean(0)
    return (x / x.std() if standardized else x), y % classes


# the lecture's ten layers of 500 units, unit gaussian input, 1000 examples


def lecture(activation, how, seed=0):
    net = mlp((500,), 10, width=500, depth=10, activation=activation)
    init(net, how, activation, generator=seeded(seed))
    profile = depth_profile(net, torch.randn(1000, 500, generator=seeded(seed + 100)))
    assert [layer.name for layer in profile] == [f"{activation}{number}" for number in range(1, 11)]
    return profile


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tanh_with_small_weights_dies_out(seed):
    std = [layer.std for layer in lecture("tanh", "small", seed)]
    assert std[:3] == pytest.approx([0.213, 0.0475, 0.0106], rel=0.03)
    assert std[9] < 1e-4
    assert all(after < before / 4 for before, after in pairwise(std))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tanh_with_large_weights_saturates(seed):
    profile = lecture("tanh", "large", seed)
    assert all(layer.saturated > 0.9 for layer in profile)
    assert all(layer.std > 0.95 for layer in profile)
    assert all(layer.dead == 0 for layer in profile)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tanh_with_xavier_lives(seed):
    profile = lecture("tanh", "xavier", seed)
    assert profile[9].std > 0.2
    assert profile[0].std == pytest.approx(0.628, rel=0.02)  # the lecture's
    assert all(abs(layer.mean) < 0.02 and layer.saturated < 0.1 for layer in profile)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_relu_needs_he(seed):
    xavier, he = lecture("relu", "xavier", seed), lecture("relu", "he", seed)
    assert xavier[9].std < 0.05
    assert he[9].std > 0.6
    assert all(after.std < before.std for before, after in pairwise(xavier))
