"""A network as a stack: what our own batched kernels can run, read off any module by tracing it.

A stack is a chain of linear layers, activations, dropout and batch norm, however the module spells it (`nn.Sequential`,
or a `forward` of its own with `F.relu`). What is anything else stays a module, for vmap or one by one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ..nn import MaxPieces


@dataclass(frozen=True)
class Layer:
    """One link.

    Attributes:
        kind: "linear", "activation", "dropout", "norm".
        name: of the module, as in its parameters' names ("" for a function).
        function: which activation; `options` its arguments.
    """

    kind: str
    name: str = ""
    function: str = ""
    options: dict[str, Any] = field(default_factory=dict)


ACTIVATIONS: dict[type[nn.Module], tuple[str, Callable[[Any], dict[str, Any]]]] = {
    nn.ReLU: ("relu", lambda module: {}),
    nn.LeakyReLU: ("leaky_relu", lambda module: {"slope": module.negative_slope}),
    nn.Tanh: ("tanh", lambda module: {}),
    nn.Sigmoid: ("sigmoid", lambda module: {}),
    nn.ELU: ("elu", lambda module: {"alpha": module.alpha}),
    nn.SELU: ("selu", lambda module: {}),
    nn.GELU: ("gelu", lambda module: {"approximate": module.approximate}),
    nn.SiLU: ("silu", lambda module: {}),
    nn.Softplus: ("softplus", lambda module: {"beta": module.beta, "threshold": module.threshold}),
    MaxPieces: ("maxout", lambda module: {"pieces": module.pieces, "dim": module.dim}),
}
FUNCTIONS: dict[Any, str] = {
    F.relu: "relu", torch.relu: "relu", "relu": "relu", torch.tanh: "tanh", F.tanh: "tanh", "tanh": "tanh",
    torch.sigmoid: "sigmoid", F.sigmoid: "sigmoid", "sigmoid": "sigmoid", F.silu: "silu",
}  # fmt: skip
FLAT = {torch.flatten, "flatten", "view", "reshape"}


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in ACTIVATIONS or super().is_leaf_module(m, module_qualified_name)


def recognise(module: nn.Module, example: Tensor) -> list[Layer] | None:
    """The module as a stack, or None where it is none; checked against the module itself on an example batch.

    Args:
        example: (N, …) inputs, N >= 2.
    """
    try:
        graph = _Tracer().trace(module)
        layers = _chain(module, graph)
    except Exception:  # whatever a stranger's forward does while traced: then it isn't a stack
        return None
    if layers is None or not layers or layers[-1].kind != "linear":
        return None
    return layers if _same(module, layers, example) else None


def _chain(module: nn.Module, graph: fx.Graph) -> list[Layer] | None:
    modules = dict(module.named_modules())
    last: fx.Node | None = None
    layers: list[Layer] = []
    seen: set[str] = set()
    for node in graph.nodes:
        if node.op == "placeholder":
            if last is not None:
                return None
        elif node.op == "output":
            if node.args[0] is not last:
                return None
            break
        else:
            if _size(node):
                continue
            if not node.args or node.args[0] is not last:
                return None
            found = _layer(node, modules)
            if found is None or (found.name and found.name in seen and found.kind in ("linear", "norm")):
                return None
            seen.add(found.name)
            if found.kind != "nothing":
                layers.append(found)
        last = node
    held = {name.rsplit(".", 1)[0] for name, _ in module.named_parameters()}
    return layers if held <= {layer.name for layer in layers} and _flat_first(layers) else None


def _size(node: fx.Node) -> bool:
    """`x.size(0)` or `x.shape[0]` on the way to a view."""
    return (node.op == "call_method" and node.target == "size") or node.target in (getattr, operator.getitem)


def _layer(node: fx.Node, modules: dict[str, nn.Module]) -> Layer | None:
    if node.op == "call_module":
        return _of_module(str(node.target), modules[str(node.target)])
    if node.op in ("call_function", "call_method"):
        if node.target in FLAT:
            return Layer("nothing")
        if node.target in FUNCTIONS:
            return Layer("activation", "", FUNCTIONS[node.target])
    return None


def _of_module(name: str, module: nn.Module) -> Layer | None:
    kind = type(module)
    if kind is nn.Linear:
        return Layer("linear", name, options={"bias": module.bias is not None})
    if kind is nn.Dropout:
        return Layer("dropout", name)
    if kind in (nn.Flatten, nn.Identity):
        return Layer("nothing")
    if kind is nn.BatchNorm1d and module.affine and module.track_running_stats and module.momentum is not None:  # type: ignore[union-attr]
        return Layer("norm", name, options={"momentum": module.momentum, "eps": module.eps})
    if kind in ACTIVATIONS:
        function, options = ACTIVATIONS[kind]
        found = options(module)
        return (
            None
            if function == "maxout" and found.pop("dim") not in (1, -1)
            else Layer("activation", name, function, found)
        )
    return None


def _flat_first(layers: list[Layer]) -> bool:
    return bool(layers) and layers[0].kind == "linear"


@torch.no_grad()
def _same(module: nn.Module, layers: list[Layer], example: Tensor) -> bool:
    """Does the stack give what the module gives, in evaluation?"""
    modes = {one: one.training for one in module.modules()}
    try:
        module.eval()
        wanted = module(example)
        return wanted.ndim == 2 and torch.allclose(run(module, layers, example), wanted, rtol=1e-4, atol=1e-5)
    finally:
        for one, mode in modes.items():
            one.training = mode


def run(module: nn.Module, layers: list[Layer], x: Tensor) -> Tensor:
    """The stack by itself, in evaluation."""
    modules = dict(module.named_modules())
    x = x.flatten(1)
    for layer in layers:
        if layer.kind in ("linear", "norm"):
            x = modules[layer.name](x)
        elif layer.kind == "activation":
            x = _plain(layer, x)
    return x


def _plain(layer: Layer, x: Tensor) -> Tensor:
    options = layer.options
    if layer.function == "maxout":
        return MaxPieces(options["pieces"])(x)
    if layer.function == "leaky_relu":
        return F.leaky_relu(x, options["slope"])
    if layer.function == "softplus":
        return F.softplus(x, options["beta"], options["threshold"])
    return getattr(F, layer.function)(x, **options)
