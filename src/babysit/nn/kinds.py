"""What a module is, as plain JSON: what the watcher writes into a run's facts, so that rules see it
without torch.

The roles: linear conv activation norm dropout pool recurrent attention embedding loss preprocess
container other. A module is looked up by its class and the classes it inherits from; a leaf of another
library is recognised by the names that such layers go by (`LlamaRMSNorm`, `NewGELUActivation`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.modules.loss import _Loss
from torch.nn.modules.pooling import (
    _AdaptiveAvgPoolNd,
    _AdaptiveMaxPoolNd,
    _AvgPoolNd,
    _LPPoolNd,
    _MaxPoolNd,
)

from .activations import TABLE, row_of
from .preprocess import Preprocess

Facts = dict[str, Any]


def facts_of(module: nn.Module) -> Facts:
    """What a module is: its class as `kind`, its `role`, its `activation` facts or None, and what matters of
    that role, such as a norm's `eps` or a dropout's `p`.

    The facts of an activation: name, range, zero_centred, can_die, gain, and `saturates`: the inputs
    and outputs below and above which its units are saturated; None is "no bound".

    Examples:
        >>> facts_of(nn.Linear(4, 2))
        {'kind': 'Linear', 'role': 'linear', 'activation': None, 'in': 4, 'out': 2, 'bias': True}
        >>> facts_of(nn.ReLU())["activation"]["saturates"]
        {'input': [0.0, None], 'output': [0.0, None]}
        >>> facts_of(nn.Sequential(nn.ReLU()))
        {'kind': 'Sequential', 'role': 'container', 'activation': None}
    """
    role, facts = _known(module)
    return {"kind": type(module).__name__, "role": role, "activation": None, **facts}


def role_of(module: nn.Module) -> str:
    """The role alone.

    Examples:
        >>> role_of(nn.LSTM(3, 4)), role_of(nn.SyncBatchNorm(3)), role_of(nn.Flatten())
        ('recurrent', 'norm', 'other')
    """
    return _known(module)[0]


def _known(module: nn.Module) -> tuple[str, Facts]:
    row = row_of(module)
    if row is not None:
        return "activation", {"activation": row.to_dict()}
    for types, role, facts in _ROLES:
        if isinstance(module, types):
            return role, facts(module)
    if next(module.children(), None) is not None:
        return "container", {}
    return _by_name(type(module).__name__)


def _linear(module: Any) -> Facts:
    return {"in": module.in_features, "out": module.out_features, "bias": module.bias is not None}


def _bilinear(module: Any) -> Facts:
    inputs = module.in1_features * module.in2_features
    return {"in": inputs, "out": module.out_features, "bias": module.bias is not None}


def _conv(module: Any) -> Facts:
    return {
        "in": module.in_channels,
        "out": module.out_channels,
        "bias": module.bias is not None,
        "kernel": list(module.kernel_size),
        "stride": list(module.stride),
        "groups": module.groups,
        "transposed": isinstance(module, _ConvTransposeNd),
        "depthwise": module.groups > 1 and module.groups == module.in_channels,
    }


def _batch_norm(module: Any) -> Facts:
    instance = isinstance(module, _InstanceNorm)
    return {
        "norm": "instance" if instance else "batch",
        "features": module.num_features,
        "eps": module.eps,
        "momentum": module.momentum,
        "affine": module.affine,
        "running": module.track_running_stats,
        "synced": isinstance(module, nn.SyncBatchNorm),
    }


def _group_norm(module: Any) -> Facts:
    facts = {"features": module.num_channels, "eps": module.eps, "affine": module.affine, "running": False}
    return {"norm": "group", "groups": module.num_groups, **facts}


def _shape_norm(module: Any) -> Facts:
    name = "layer" if isinstance(module, nn.LayerNorm) else "rms"
    return {
        "norm": name,
        "shape": list(module.normalized_shape),
        "eps": module.eps,
        "affine": module.elementwise_affine,
        "running": False,
    }


def _recurrent(module: Any) -> Facts:
    return {
        "cell": _recurrent_name(module),
        "in": module.input_size,
        "hidden": module.hidden_size,
        "layers": getattr(module, "num_layers", 1),
        "bidirectional": getattr(module, "bidirectional", False),
        "dropout": float(getattr(module, "dropout", 0.0)),
        "batch_first": getattr(module, "batch_first", False),
    }


def _recurrent_name(module: Any) -> str:
    for name, types in (("lstm", (nn.LSTM, nn.LSTMCell)), ("gru", (nn.GRU, nn.GRUCell))):
        if isinstance(module, types):
            return name
    return "rnn"


def _attention(module: Any) -> Facts:
    return {"features": module.embed_dim, "heads": module.num_heads, "dropout": float(module.dropout)}


def _embedding(module: Any) -> Facts:
    return {"rows": module.num_embeddings, "out": module.embedding_dim, "sparse": module.sparse}


def _dropout(module: Any) -> Facts:
    return {"p": float(module.p)}


def _pool(module: Any) -> Facts:
    return {"pool": "max" if "Max" in type(module).__name__ else "average"}


def _preprocess(module: Any) -> Facts:
    return {"shape": list(module.shape or ()), "fitted": module.fitted}


def _none(module: Any) -> Facts:
    return {}


# The first that fits. Lazy layers inherit from theirs; BatchNorm comes before what shares its base.
_ROLES: tuple[tuple[Any, str, Callable[[Any], Facts]], ...] = (
    (nn.Linear, "linear", _linear),
    (nn.Bilinear, "linear", _bilinear),
    (_ConvNd, "conv", _conv),
    ((_BatchNorm, _InstanceNorm), "norm", _batch_norm),
    (nn.GroupNorm, "norm", _group_norm),
    ((nn.LayerNorm, nn.RMSNorm), "norm", _shape_norm),
    ((nn.LocalResponseNorm, nn.CrossMapLRN2d), "norm", lambda module: {"norm": "response", "running": False}),
    (_DropoutNd, "dropout", _dropout),
    ((nn.RNNBase, nn.RNNCellBase), "recurrent", _recurrent),
    (nn.MultiheadAttention, "attention", _attention),
    ((nn.Embedding, nn.EmbeddingBag), "embedding", _embedding),
    ((_MaxPoolNd, _AvgPoolNd, _LPPoolNd, _AdaptiveMaxPoolNd, _AdaptiveAvgPoolNd), "pool", _pool),
    ((nn.FractionalMaxPool2d, nn.FractionalMaxPool3d), "pool", _pool),
    (_Loss, "loss", _none),
    (Preprocess, "preprocess", _preprocess),
)

_BY_NAME = {row.name.replace("_", ""): row for row in TABLE}


def _by_name(name: str) -> tuple[str, Facts]:
    """A leaf of another library, by the words its class is called by."""
    word = name.lower().replace("_", "")
    for ending, norm in (("rmsnorm", "rms"), ("layernorm", "layer"), ("groupnorm", "group")):
        if word.endswith(ending):
            return "norm", {"norm": norm, "running": False}
    if word.endswith("dropout") or word in ("droppath", "stochasticdepth"):
        return "dropout", {}
    for affix in ("activation", "tanh", "python", "fast", "new", "quick", "accurate", "pytorch", "clipped"):
        shorter = word.removesuffix(affix) if affix in ("activation", "tanh", "python") else word.removeprefix(affix)
        word = shorter or word
    word = {"swish": "silu"}.get(word, word)
    if word in _BY_NAME:
        row = dataclasses.replace(_BY_NAME[word], units_can_die=word == "relu")
        return "activation", {"activation": row.to_dict()}
    return "other", {}
