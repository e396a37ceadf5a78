"""The models: shapes, order of layers, gradients, torch.func and ONNX."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from babysit.errors import RecipeError
from babysit.nn import build, convnet, init, mlp, norm, resnet
from babysit.record import Recipe
from babysit.record.recipe import ACTIVATIONS, NORMS

MODELS = {"mlp": mlp, "convnet": convnet, "resnet": resnet}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 8, 8), (3, 5, 7), (3, 32, 32), (2, 4, 33)])
@pytest.mark.parametrize("depth", [1, 4])
def test_every_image_fits(name, shape, depth):
    net = MODELS[name](shape, 7, width=4, depth=depth)
    assert net(torch.randn(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", NORMS)
def test_every_choice_trains_every_parameter(name, activation, kind):
    torch.manual_seed(0)
    if (name, kind) == ("mlp", "instance"):
        return
    net = MODELS[name]((2, 8, 8), 3, width=8, depth=2, activation=activation, pieces=3, norm=kind, dropout=0.1)
    init(net, "auto", activation)
    net(torch.randn(16, 2, 8, 8)).square().sum().backward()
    for parameter_name, parameter in net.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(parameter.grad.isfinite().all()), parameter_name
        assert bool(parameter.grad.any()), parameter_name


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("activation", ["relu", "maxout"])
def test_the_order_is_weights_norm_activation_dropout(name, activation):
    net = MODELS[name]((1, 8, 8), 3, width=4, depth=1, activation=activation, norm="batch", dropout=0.2)
    kinds = [type(module).__name__ for module in (net.block1a.branch if name == "resnet" else net)]
    weights = "Linear" if name == "mlp" else "Conv2d"
    act = "ReLU" if activation == "relu" else "MaxPieces"
    start = kinds.index(weights)
    assert kinds[start : start + 4] == [weights, kinds[start + 1], act, "Dropout"]
    assert kinds[start + 1].startswith("BatchNorm")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("kind", "bias"), [("batch", False), ("none", True), ("group", True), ("layer", True)])
def test_a_bias_only_where_the_norm_leaves_it(name, kind, bias):
    net = MODELS[name]((1, 8, 8), 3, width=4, depth=2, norm=kind)
    weighted = [module for module in net.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    assert [module.bias is not None for module in weighted[:-1]] == [bias] * (len(weighted) - 1)
    assert weighted[-1].bias is not None


def test_a_resnet_without_norm_keeps_its_variance_through_depth():
    x = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    net = init(
        resnet((3, 32, 32), 10, width=16, depth=3, norm="none"),
        "he",
        "relu",
        generator=torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        for name, module in net.named_children():
            x = module(x)
            if name.startswith("block"):
                assert 0.3 < float(x.square().mean().sqrt()) < 3, name


def test_nothing_of_a_resnet_starts_at_zero_but_biases():
    net = init(resnet((3, 16, 16), 10, depth=2), "auto")
    assert all(bool(value.any()) for name, value in net.named_parameters() if not name.endswith("bias"))


def test_group_norm_takes_any_number_of_channels():
    for channels in (1, 2, 3, 7, 30, 48, 100, 128):
        for dims in (1, 2):
            layer = norm("group", channels, dims)
            assert channels % layer.num_groups == 0
            assert layer.num_groups <= 32
    assert norm("group", 64, 2).num_groups == 32


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: convnet((64,), 10), r"model='convnet' needs images \(C, H, W\), but an example has the shape \(64,\)"),
        (lambda: resnet((3, 2, 9), 10), "needs images of 4 x 4 and more, but got 2 x 9"),
        (lambda: mlp((4,), 0), "classes >= 1 must hold, but classes=0"),
        (lambda: mlp((4,), 2, depth=0), "depth >= 1 must hold"),
        (lambda: mlp((4,), 2, dropout=1.0), "0 <= dropout < 1 must hold"),
        (lambda: mlp((4,), 2, norm="batchnorm"), "did you mean batch"),
        (lambda: mlp((4,), 2, norm="instance"), "needs images"),
        (lambda: mlp((4,), 2, activation="swish"), "activation has no 'swish'"),
    ],
)
def test_what_can_not_be_is_said(call, words):
    with pytest.raises(RecipeError, match=words):
        call()


# torch.func: a stack of networks as one program


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("activation", "kind"), [("relu", "none"), ("maxout", "layer"), ("prelu", "group"), ("elu", "batch")]
)
def test_a_stack_of_networks_under_vmap_with_gradients(name, activation, kind):
    torch.manual_seed(0)
    nets = [MODELS[name]((1, 8, 8), 3, width=4, depth=1, activation=activation, norm=kind) for _ in range(3)]
    x, y = torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1])
    parameters, buffers = torch.func.stack_module_state(nets)

    def loss(parameters, buffers):
        logits = torch.func.functional_call(nets[0], (parameters, buffers), (x,))
        return nn.functional.cross_entropy(logits, y)

    together = torch.vmap(torch.func.grad(loss))(parameters, buffers)
    for lane, net in enumerate(nets):
        nn.functional.cross_entropy(net(x), y).backward()
        for key, parameter in net.named_parameters():
            torch.testing.assert_close(together[key][lane], parameter.grad, atol=1e-5, rtol=1e-4)


# ONNX, preprocessing included


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        ((6,), {"preprocess": "standardize", "model": "mlp", "activation": "maxout"}),
        ((6,), {"preprocess": "whiten", "components": 3, "model": "mlp", "activation": "selu"}),
        ((3, 8, 8), {"preprocess": "zca", "model": "convnet", "activation": "prelu", "norm": "batch"}),
        ((1, 8, 8), {"preprocess": "channel-mean", "model": "resnet", "activation": "maxout", "norm": "group"}),
        ((1, 8, 8), {"preprocess": "mean-image", "model": "mlp", "activation": "gelu"}),
    ],
)
def test_onnx_gives_the_same_numbers(shape, fields, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    model = build(Recipe(width=8, depth=1, dropout=0.2, **fields), shape, 3)
    model.preprocess.fit(torch.rand(50, *shape))
    model.eval()
    x = torch.rand(7, *shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        batch = {0: torch.export.Dim("N", min=1)}
        program = torch.onnx.export(model, (x[:2],), dynamo=True, dynamic_shapes=(batch,), verbose=False)
        program.save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(got, model(x).detach().numpy(), atol=1e-4, rtol=1e-4)
