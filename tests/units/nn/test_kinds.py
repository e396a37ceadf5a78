"""What modules are: PyTorch's own, other libraries' by name, and the user's."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from babysit.nn import ChannelMean, Maxout, facts_of, role_of

ROLES = [
    ("linear", nn.Linear(3, 2)), ("linear", nn.LazyLinear(2)), ("linear", nn.Bilinear(2, 3, 4)),
    ("conv", nn.Conv1d(2, 3, 3)), ("conv", nn.ConvTranspose2d(2, 3, 3)), ("conv", nn.LazyConv2d(3, 3)),
    ("norm", nn.BatchNorm1d(3)), ("norm", nn.BatchNorm3d(3)), ("norm", nn.SyncBatchNorm(3)),
    ("norm", nn.LazyBatchNorm2d()), ("norm", nn.InstanceNorm2d(3)), ("norm", nn.GroupNorm(1, 3)),
    ("norm", nn.LayerNorm(3)), ("norm", nn.RMSNorm(3)), ("norm", nn.LocalResponseNorm(2)),
    ("dropout", nn.Dropout(0.1)), ("dropout", nn.Dropout2d()), ("dropout", nn.AlphaDropout()),
    ("pool", nn.MaxPool2d(2)), ("pool", nn.AvgPool1d(2)), ("pool", nn.AdaptiveAvgPool2d(1)),
    ("recurrent", nn.LSTM(3, 4)), ("recurrent", nn.GRU(3, 4)), ("recurrent", nn.RNN(3, 4)),
    ("recurrent", nn.LSTMCell(3, 4)), ("attention", nn.MultiheadAttention(4, 2)),
    ("embedding", nn.Embedding(5, 3)), ("embedding", nn.EmbeddingBag(5, 3)),
    ("activation", nn.Hardtanh()), ("activation", nn.Hardsigmoid()), ("activation", nn.ReLU6()),
    ("activation", nn.Softmax(1)), ("activation", nn.LogSoftmax(1)), ("activation", nn.GLU()),
    ("loss", nn.CrossEntropyLoss()), ("loss", nn.MSELoss()), ("loss", nn.BCEWithLogitsLoss()),
    ("preprocess", ChannelMean((3, 4, 4))),
    ("container", nn.Sequential(nn.ReLU())), ("container", nn.ModuleList([nn.ReLU()])), ("container", Maxout(2, 3)),
    ("container", nn.TransformerEncoderLayer(4, 2)),
    ("other", nn.Identity()), ("other", nn.Flatten()), ("other", nn.Sequential()),
]  # fmt: skip


@pytest.mark.parametrize(("role", "module"), [pytest.param(k, m, id=type(m).__name__) for k, m in ROLES])
def test_role(role, module):
    facts = facts_of(module)
    assert facts["role"] == role == role_of(module)
    assert facts["kind"] == type(module).__name__
    assert (facts["activation"] is None) == (role != "activation")
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_every_nonlinearity_of_torch_is_in_the_table():
    from torch.nn.modules import activation as torchs

    known = {name for name in torchs.__all__ if name != "MultiheadAttention"}
    missing = {name for name in known if not any(row.module is getattr(nn, name) for row in _table())}
    assert missing == set()


def _table():
    from babysit.nn.activations import TABLE

    return TABLE


def test_subclasses_are_what_they_inherit_from():
    class Mine(nn.ReLU):
        pass

    class Fixed(nn.Conv2d):
        pass

    assert facts_of(Mine())["activation"]["name"] == "relu"
    assert facts_of(Mine())["kind"] == "Mine"
    assert role_of(Fixed(1, 1, 1)) == "conv"


@pytest.mark.parametrize(
    ("name", "role", "known_as"),
    [
        ("LlamaRMSNorm", "norm", "rms"), ("BertLayerNorm", "norm", "layer"), ("GELUActivation", "activation", "gelu"),
        ("NewGELUActivation", "activation", "gelu"), ("QuickGELUActivation", "activation", "gelu"),
        ("PytorchGELUTanh", "activation", "gelu"), ("SiLUActivation", "activation", "silu"),
        ("Swish", "activation", "silu"), ("LeakyReLU", "activation", "leaky_relu"), ("Readout", "other", None),
        ("Tanh", "activation", "tanh"), ("New", "other", None), ("DropPath", "dropout", None),
    ],
)  # fmt: skip
def test_leaves_of_other_libraries_by_their_names(name, role, known_as):
    facts = facts_of(type(name, (nn.Module,), {})())
    found = facts["activation"]["name"] if facts["activation"] else facts.get("norm")
    assert (facts["role"], found) == (role, known_as)


def test_what_the_arguments_change():
    assert facts_of(nn.Hardtanh(-3, 2))["activation"]["range"] == [-3, 2]
    assert facts_of(nn.LeakyReLU(0.0))["activation"]["can_die"]
    assert not facts_of(nn.LeakyReLU(0.1))["activation"]["can_die"]
    assert facts_of(nn.ELU(0.5))["activation"]["range"] == [-0.5, None]
    tanh = facts_of(nn.Tanh())["activation"]["saturates"]
    assert tanh["output"] == pytest.approx([-0.9747, 0.9747], abs=1e-4)
    assert facts_of(nn.Conv2d(8, 8, 3, groups=8))["depthwise"]
    assert facts_of(nn.BatchNorm1d(4, momentum=None))["momentum"] is None
    assert facts_of(nn.ConvTranspose1d(2, 2, 2))["transposed"]


def test_asking_changes_nothing():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    for module in model.modules():
        facts_of(module)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
