"""From recipe to network: ours and the user's own, and every way it can't be."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from babysit.errors import RecipeError
from babysit.nn import PCA, ChannelMean, Unchanged, build, model_name
from babysit.record import Recipe

NETS = """
import torch
from torch import nn

def plain(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(shape).numel(), classes or 1))

def some(shape, classes, *, width=3, colour="red"):
    return nn.Sequential(nn.Linear(shape[0], width), nn.Tanh(), nn.Linear(width, classes))

def everything(shape, classes, **options):
    net = plain(shape, classes)
    net.options = options
    return net

class Net(nn.Module):
    def __init__(self, shape, classes, dropout):
        super().__init__()
        self.drop, self.linear = nn.Dropout(dropout), nn.Linear(shape[0], classes)
    def forward(self, x):
        return self.linear(self.drop(x))

def wrong_units(shape, classes): return plain(shape, classes + 1)
def wrong_inputs(shape, classes): return nn.Linear(99, classes)
def gives_tuple(shape, classes):
    class Two(nn.Module):
        def forward(self, x): return x, x
    return Two()
def no_net(shape, classes): return 5
def too_many(shape, classes, secret): return plain(shape, classes)
def fails(shape, classes): raise KeyError("oh")
made = nn.Linear(4, 3)
number = 7
"""


@pytest.fixture
def nets(empty_folder):
    (empty_folder / "someones_nets.py").write_text(NETS)
    (empty_folder / "broken_nets.py").write_text("import not_there_at_all\n")
    (empty_folder / "syntax_nets.py").write_text("def (:\n")
    path = list(sys.path)
    yield empty_folder
    assert sys.path == path
    for name in ("someones_nets", "broken_nets", "syntax_nets"):
        sys.modules.pop(name, None)


def made(model, shape=(4,), classes=3, **fields):
    return build(Recipe(model=model, **fields), shape, classes)


def test_preprocess_then_network():
    model = made("mlp", preprocess="pca", components=2, width=5, depth=1)
    assert list(dict(model.named_children())) == ["preprocess", "network"]
    assert isinstance(model.preprocess, PCA)
    assert model.network.linear1.in_features == 2
    model.preprocess.fit(torch.randn(9, 4))
    assert model(torch.randn(6, 4)).shape == (6, 3)


def test_a_fitted_layer_or_any_module_can_be_handed_in():
    layer = ChannelMean().fit(torch.rand(5, 3, 8, 8))
    model = build(Recipe(model="convnet", width=4, depth=1), (3, 8, 8), 2, layer)
    assert model.preprocess is layer
    assert model(torch.rand(2, 3, 8, 8)).shape == (2, 2)
    assert isinstance(build(Recipe(preprocess="none"), (4,), 2).preprocess, Unchanged)
    assert build(Recipe(), (4,), 2, nn.Identity())(torch.rand(3, 4)).shape == (3, 2)


@pytest.mark.parametrize("classes", [None, 1])
def test_a_regression_has_one_output(classes):
    assert made("mlp", classes=classes, preprocess="none")(torch.zeros(5, 4)).shape == (5, 1)


def test_auto():
    assert model_name(Recipe(), (4,)) == "mlp"
    assert model_name(Recipe(), (1, 8, 8)) == "mlp"
    assert model_name(Recipe(), (3, 32, 32)) == "convnet"
    assert model_name(Recipe(model="resnet"), (4,)) == "resnet"


def test_a_flat_input_can_not_be_convolved():
    with pytest.raises(RecipeError, match=r"needs images \(C, H, W\), but an example has the shape \(9,\)"):
        made("convnet", (1, 8, 8), preprocess="pca", components=9)


@pytest.mark.parametrize("place", ["someones_nets", "someones_nets.py"])
def test_a_users_factory_gets_the_options_it_takes(nets, place):
    assert isinstance(made(f"{place}:plain").network, nn.Sequential)
    assert made(f"{place}:some", width=17).network[0].out_features == 17
    assert made(f"{place}:Net", dropout=0.25).network.drop.p == 0.25
    options = made(f"{place}:everything", depth=5).network.options
    assert options["depth"] == 5
    assert set(options) == {"width", "depth", "activation", "pieces", "norm", "dropout"}
    assert made(f"{place}:plain", classes=None).network.training


def test_a_file_elsewhere(nets, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "far_nets.py"
    other.write_text(NETS)
    try:
        assert made(f"{other}:some", width=2).network[0].out_features == 2
    finally:
        sys.modules.pop("far_nets", None)


def test_the_dry_run_leaves_no_trace(nets):
    made("someones_nets:Net")  # importing it draws numbers
    torch.manual_seed(0)
    model = made("someones_nets:Net", dropout=0.5)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    nn.Linear(4, 3)
    assert torch.equal(after, torch.get_rng_state())
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nowhere_nets:make", "no module 'nowhere_nets' is installed or in "),
        ("nowhere.py:make", "there is no file 'nowhere.py'"),
        ("someones_nets:plian", r"someones_nets has no 'plian' \(did you mean plain\?\)"),
        ("someones_nets:", "module:factory, but got 'someones_nets:'"),
        ("broken_nets:make", "broken_nets can't be imported: No module named 'not_there_at_all'"),
        ("syntax_nets.py:make", "syntax_nets.py can't be imported: SyntaxError"),
        ("someones_nets:wrong_units", r"must give outputs \(N, 3\), but gives \(N, 4\)"),
        ("someones_nets:wrong_inputs", r"can't take inputs \(N, 4\): .*mat1"),
        ("someones_nets:gives_tuple", r"must give outputs \(N, 3\), but gives tuple"),
        ("someones_nets:no_net", "must give an nn.Module, but gave int"),
        (
            "someones_nets:too_many",
            r"callable as factory\(hp\), factory\(shape, classes, \*\*options\) or by names of options, but missing .*'secret'",
        ),
        ("someones_nets:fails", r"failed for shape=\(4,\), classes=3: \w+: 'oh'"),
        ("someones_nets:made", "is a network already made: wrap it in a function"),
        ("someones_nets:number", "must be a function or class, but is int"),
    ],
)
def test_what_can_not_be_is_said(nets, model, words):
    with pytest.raises(RecipeError, match=words):
        made(model)
