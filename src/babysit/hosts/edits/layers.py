"""What the network is made of: its start, its activations, normalization, dropout and width."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...nn import init as start_weights
from . import field
from .stage import Call, Stage

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.01),
    "elu": F.elu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
}
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm1d, nn.InstanceNorm2d)


@field("init")
def init(stage: Stage, value: Any) -> None:
    """The model's weights start anew, by one of the inits of a recipe, before its first step.

    Embeddings and other matrices that are constant, which no init of a layer reaches, are drawn from N(0, 1/width).
    """

    def start(model: nn.Module) -> None:
        if not stage.steps:
            how = value if value != "auto" else "he"
            start_weights(model, str(how))
            _part_units(model)
            stage.did()

    stage.on_model(start)


def _part_units(model: nn.Module) -> None:
    """Equal units get equal gradients and never part: draw them apart."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2 and parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all()):
                parameter.normal_(std=parameter.shape[-1] ** -0.5)


def _layers(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, _WEIGHTED)]


@field("init_head")
def init_head(stage: Stage, value: Any) -> None:
    """The last layer's weights start small, its bias at 0."""

    def start(model: nn.Module) -> None:
        head = _layers(model)[-1:]
        for layer in head:
            with torch.no_grad():
                layer.weight.normal_(std=0.01)  # type: ignore[operator,union-attr]
                if layer.bias is not None:
                    layer.bias.zero_()  # type: ignore[operator,union-attr]
            stage.did()

    stage.on_model(start)


@field("output_bias")
def output_bias(stage: Stage, value: Any) -> None:
    """The last layer's bias starts at the base rate: log frequencies, or the targets' mean."""
    done: list[bool] = []

    def start(call: Call) -> None:
        if done or not call.training or not stage.models or stage.steps > 0:
            return
        done.append(True)
        layers = _layers(stage.models[-1])
        bias = layers[-1].bias if layers else None
        if not isinstance(bias, Tensor):
            return
        labels = call.target.detach()
        if call.name == "cross_entropy" and not labels.is_floating_point():
            counts = torch.bincount(labels.reshape(-1).clamp_min(0), minlength=len(bias)).double() + 1
            prior = (counts / counts.sum()).log()
        elif call.name == "binary_cross_entropy_with_logits":
            prior = torch.logit(labels.double().mean(), eps=1e-4).expand(len(bias))
        else:
            prior = labels.double().mean().expand(len(bias))
        if len(prior) == len(bias):
            with torch.no_grad():
                bias.copy_(prior.to(bias))
            stage.did()

    stage.on_model(lambda model: None)
    stage.on_criterion(start)


@field("activation")
def activation(stage: Stage, value: Any) -> None:
    """Hidden activations are others: {"relu": "leaky_relu"}; {"none": "relu"} puts one between linear layers.

    An activation that ends the model, as a read-out, stays.
    """
    mapping: Mapping[str, str] = value if isinstance(value, Mapping) else dict.fromkeys(_FUNCTIONS, str(value))
    for old, new in mapping.items():
        if old == "none":
            _between_layers(stage, _FUNCTIONS[new])
        else:
            _Swap(stage, old, _FUNCTIONS[new])


class _Swap:
    """One activation function replaced wherever a model calls it, but where it makes the model's output.

    Which call that is shows in the first forward, which runs as it is.
    """

    def __init__(self, stage: Stage, old: str, new: Callable[[Tensor], Tensor]) -> None:
        self.stage, self.new, self.name = stage, new, stage._now
        self.calls = 0
        self.inside = self.busy = False
        self.made: dict[int, int] = {}  # storage of a result -> which call of the forward made it
        self.keep: dict[int, set[int]] = {}  # model -> calls that make its output
        self.model = 0
        for owner in (torch, F, Tensor):
            for name in (old, f"{old}_"):
                if callable(getattr(owner, name, None)):
                    stage.replace(owner, name, self._make)
        stage.before_forward(lambda forward: self._begin(forward.model))
        stage.after_forward(self._end)
        stage.on_criterion(self._read_out)

    def _begin(self, model: nn.Module) -> None:
        self.inside, self.calls, self.model = True, 0, id(model)
        if self.model not in self.keep:
            self.made.clear()

    def _end(self, model: nn.Module) -> None:
        self.inside = False

    def _read_out(self, call: Call) -> None:
        if self.model not in self.keep:
            last = self.made.get(call.output.untyped_storage().data_ptr())
            self.keep[self.model] = set() if last is None else {last}
            self.made.clear()

    def _make(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def swapped(x: Tensor, *args: Any, **kwargs: Any) -> Any:
            if not self.inside or self.busy:
                return original(x, *args, **kwargs)
            self.calls += 1
            keep = self.keep.get(self.model)
            self.busy = True
            try:
                if keep is None:
                    result = original(x, *args, **kwargs)
                    self.made[result.untyped_storage().data_ptr()] = self.calls
                    return result
                if self.calls in keep:
                    return original(x, *args, **kwargs)
                with self.stage.of(self.name):
                    self.stage.did()
                return self.new(x)
            finally:
                self.busy = False

        return swapped


def _between_layers(stage: Stage, function: Callable[[Tensor], Tensor]) -> None:
    """Put a nonlinearity after each layer whose output goes straight into the next."""
    name = stage._now

    def install(model: nn.Module) -> None:
        last: list[Tensor] = []

        def before(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
            if last and inputs and isinstance(inputs[0], Tensor) and _same(inputs[0], last[0]):
                with stage.of(name):
                    stage.did()
                return (function(inputs[0]), *inputs[1:])
            return None

        def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            last[:] = [output] if isinstance(output, Tensor) else []

        for layer in _layers(model):
            stage.later(layer.register_forward_pre_hook(before).remove)
            stage.later(layer.register_forward_hook(after).remove)
        stage.later(last.clear)

    stage.on_model(install)


def _same(x: Tensor, y: Tensor) -> bool:
    return x.numel() == y.numel() and x.data_ptr() == y.data_ptr()


@field("norm")
def norm(stage: Stage, value: Any) -> None:
    """Batch normalization after each hidden layer ("batch"), or another kind for it ({"batch": "group"})."""

    def put_in(model: nn.Module) -> None:
        if isinstance(value, Mapping):
            for new in value.values():
                _exchange_norms(stage, model, str(new))
            return
        layers = _layers(model)
        normed = any(isinstance(module, _NORMS) for module in model.modules())
        for layer in layers[:-1] if not normed else ():
            _norm_after(stage, layer)

    stage.on_model(put_in)


def _norm_after(stage: Stage, layer: nn.Module) -> None:
    """Normalize a layer's output per unit or channel; its parameters join the layer's optimizer."""
    width = getattr(layer, "out_channels", None) or getattr(layer, "out_features", 0)
    own = nn.BatchNorm1d(int(width)).to(next(layer.parameters()).device)

    def normalize(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        own.train(module.training)
        axis = 1 if isinstance(module, nn.modules.conv._ConvNd) else output.ndim - 1
        moved = output.movedim(axis, -1)
        flat = moved.reshape(-1, int(width))
        if module.training and len(flat) < 2:
            return output
        return own(flat).reshape(moved.shape).movedim(-1, axis)

    stage.later(layer.register_forward_hook(normalize).remove)
    added: set[int] = set()

    def adopt(optimizer: torch.optim.Optimizer) -> None:
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        mine = {id(p) for p in own.parameters()}
        if id(optimizer) not in added and not mine & held and any(id(p) in held for p in layer.parameters()):
            added.add(id(optimizer))
            optimizer.add_param_group({"params": list(own.parameters()), "weight_decay": 0.0})

    stage.on_optimizer(adopt)
    stage.did()


def _exchange_norms(stage: Stage, model: nn.Module, new: str) -> None:
    """Replace batch norms by group norm (groups of 8 channels where that divides) or layer norm."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, nn.modules.batchnorm._BatchNorm):
                continue
            groups = 1 if new == "layer" or child.num_features % 8 else child.num_features // 8
            other = nn.GroupNorm(max(1, groups), child.num_features, affine=child.affine).to(
                next(model.parameters()).device
            )
            if child.affine:
                other.weight, other.bias = child.weight, child.bias  # the optimizer holds these
            setattr(parent, name, other)
            stage.later(functools.partial(setattr, parent, name, child))
            stage.did()


@field("norm_momentum")
def norm_momentum(stage: Stage, value: Any) -> None:
    """Batch norms update their running statistics with another momentum."""

    def change(model: nn.Module) -> None:
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = float(value)
                module.track_running_stats = True
                stage.did()

    stage.on_model(change)


@field("dropout")
def dropout(stage: Stage, value: Any) -> None:
    """Every dropout has another probability; with none in the model, one stands before the last layer."""
    rate, name = float(value), stage._now

    def change(model: nn.Module) -> None:
        found = [module for module in model.modules() if isinstance(module, nn.modules.dropout._DropoutNd)]
        for module in found:
            module.p = rate
            stage.did()
        for module in model.modules():
            if isinstance(module, nn.RNNBase) and module.dropout:
                module.dropout = rate
                stage.did()
        layers = _layers(model)
        if not found and rate and len(layers) > 1:
            hook = lambda module, inputs: (F.dropout(inputs[0], rate, module.training), *inputs[1:])  # noqa: E731
            stage.later(layers[-1].register_forward_pre_hook(hook).remove)
            stage.did()

    def functional(original: Callable[..., Any]) -> Callable[..., Any]:
        def dropped(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
            with stage.of(name):
                stage.did()
            return original(x, rate, training, inplace)

        return dropped

    stage.on_model(change)
    if not rate:
        stage.replace(F, "dropout", functional)


@field("width")
def width(stage: Stage, value: Any) -> None:
    """Hidden linear layers that stand one after another in a Sequential have more units ("*4")."""
    factor = int(float(str(value).lstrip("*")))
    grown: dict[int, list[nn.Parameter]] = {}

    def widen(model: nn.Module) -> None:
        for part in model.modules():
            if isinstance(part, nn.Sequential):
                linears = [module for module in part if isinstance(module, nn.Linear)]
                plain = all(
                    isinstance(module, nn.Linear) or not any(True for _ in module.parameters()) for module in part
                )
                if len(linears) > 1 and plain:
                    _widen_chain(linears, factor)
                    grown[id(part)] = [p for layer in linears for p in layer.parameters()]
                    stage.did()

    stage.on_model(widen)


def _widen_chain(linears: list[nn.Linear], factor: int) -> None:
    """Give all but the last of some linear layers more outputs, in place: same Parameter objects, new data."""
    for index, layer in enumerate(linears):
        inputs = layer.in_features * (factor if index else 1)
        outputs = layer.out_features * (factor if index < len(linears) - 1 else 1)
        fresh = nn.Linear(inputs, outputs, bias=layer.bias is not None).to(layer.weight.device)
        layer.weight.data = fresh.weight.data
        if layer.bias is not None:
            layer.bias.data = fresh.bias.data
        layer.in_features, layer.out_features = inputs, outputs
