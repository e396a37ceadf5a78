"""How weights start.

CS231n, Training Neural Networks I, weight initialization. With n the inputs of a unit (`fan_in`),
m its layer's outputs (`fan_out`) and g the gain of the activation that follows
(`babysit.nn.activations`):

    zero        0                          every unit stays the same as its neighbours
    small       N(0, 0.01^2)               activations die out with depth
    large       N(0, 1)                    activations saturate or blow up
    xavier      N(0, 2 / (n + m))          Glorot & Bengio 2010; for units linear around 0, no gain
    lecun       N(0, 1 / n)                LeCun et al. 1998; what SELU asks for
    he          N(0, g^2 / n)              He et al. 2015; sqrt(2) is ReLU's g
    orthogonal  g * an orthogonal matrix   Saxe et al. 2014
    lsuv        orthogonal, then each layer's output scaled to std 1 on a sample (Mishkin & Matas 2016)
    pytorch     left as PyTorch made it
    auto        what the table of activations says, layer by layer

Biases become 0. The **output layer**, the last one with weights if no activation stands behind it, has
no activation and so the gain of a linear unit; under the sane inits (xavier and below in this list) that is
further taken times 0.1: logits of std 1 would start the loss at about ln K + 1/2, those of std
0.1 start it at ln K, what chance gives, and leave the first steps to learning instead of unlearning.
zero, small and large are literal, everywhere. Normalization layers and embeddings are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.utils.parametrize import is_parametrized

from ..errors import RecipeError, did_you_mean
from ..record.recipe import INITS
from .activations import Activation, named, row_of
from .maxout import MaxPieces

OUTPUT_GAIN = 0.1
LITERAL = {"zero": 0.0, "small": 0.01, "large": 1.0}

_CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_READOUTS = ("softmax", "softmin", "log_softmax")  # they don't make a layer hidden


@dataclass
class _Layer:
    """A module with weights and what follows it."""

    module: nn.Module
    follows: nn.Module | None = None
    hidden: bool = False  # follows is sure to run after it: it stands in a Sequential, not only beside it
    is_output: bool = False


@dataclass(frozen=True)
class _Block:
    """One matrix of a parameter: rows `start:stop`, with the fans of its units."""

    parameter: str
    start: int
    stop: int
    fan_in: float
    fan_out: float
    recurrent: bool = False


@torch.no_grad()
def init(
    model: nn.Module,
    how: str = "auto",
    activation: str | None = None,
    sample: Tensor | None = None,
    generator: torch.Generator | None = None,
    *,
    output_gain: float = OUTPUT_GAIN,
) -> nn.Module:
    """Start the weights of any network, in place; the model is returned.

    Args:
        how: see the list at the head of this file.
        activation: the nonlinearity, by its name in a recipe. By default the module registered next
            after each layer is looked at, then the only one that the model has, then "relu" (`F.relu`
            can't be seen).
        sample: a batch (N, ...) of inputs; needed by lsuv, used by nothing else.
        generator: where random numbers come from (a CPU generator; PyTorch's default one if None).
            The same generator gives the same weights on every device.
        output_gain: taken times the weights of the output layer, see above. 1 for a network whose last
            layer isn't one of logits.

    Raises:
        RecipeError: no such init or activation, lsuv without a sample, or lazy layers that have no
            weights yet.

    Examples:
        >>> net = nn.Sequential(nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 10))
        >>> _ = init(net, "he", generator=torch.Generator().manual_seed(0))
        >>> [round(layer.weight.detach().std().item() * 500**0.5, 2) for layer in (net[0], net[2])]
        [1.41, 0.1]
    """
    if how not in INITS:
        raise RecipeError(f"init has no {how!r}{did_you_mean(how, INITS)}")
    given = None if activation is None else named(activation)
    if how == "pytorch":
        return model
    if how == "lsuv" and sample is None:
        raise RecipeError("init='lsuv' scales each layer on a batch of inputs: a sample must be given")
    layers = _layers(model)
    unseen = _only_activation(model)
    for layer in layers:
        row = given or (row_of(layer.follows) if layer.follows is not None else None) or unseen
        _start(layer, how, row, generator, output_gain)
    if how == "lsuv":
        assert sample is not None
        _unit_variance(model, layers, sample, output_gain)
    return model


def _layers(model: nn.Module) -> list[_Layer]:
    """The modules with weights in order, each once, with the activation registered next after it."""
    layers: list[_Layer] = []
    seen: set[int] = set()
    in_order = {id(child) for parent in model.modules() if isinstance(parent, nn.Sequential) for child in parent}
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.lazy.LazyModuleMixin) and module.has_uninitialized_params():  # type: ignore[misc]
            raise RecipeError(f"init needs weights, but the lazy layer {name!r} has none yet: run one batch first")
        if next(_blocks(module, 1), None) is not None:
            weight = next(module.parameters(recurse=True))
            if id(weight) not in seen:
                layers.append(_Layer(module))
            seen.add(id(weight))
        elif layers and layers[-1].follows is None and _is_nonlinear(module):
            layers[-1].follows = module
            layers[-1].hidden = id(module) in in_order or isinstance(module, MaxPieces)
    if layers:
        layers[-1].is_output = not layers[-1].hidden and isinstance(layers[-1].module, (nn.Linear, *_CONV))
    return layers


def _only_activation(model: nn.Module) -> Activation:
    """The model's one activation, shared by all its layers perhaps; ReLU if it has none or several."""
    rows = {row.name: row for module in model.modules() if (row := row_of(module)) and row.name not in _READOUTS}
    return next(iter(rows.values())) if len(rows) == 1 else named("relu")


def _is_nonlinear(module: nn.Module) -> bool:
    row = row_of(module)
    return row is not None and row.name not in _READOUTS


def _start(
    layer: _Layer,
    how: str,
    row: Activation,
    generator: torch.Generator | None,
    output_gain: float,
) -> None:
    pieces = layer.follows.pieces if isinstance(layer.follows, MaxPieces) else 1
    if isinstance(layer.follows, MaxPieces):
        row = row_of(layer.follows) or row  # the gain goes with the pieces
    method = row.init if how == "auto" else how
    gain = _gain(method, row, layer)
    factor = output_gain if layer.is_output and method not in LITERAL else 1.0
    values: dict[str, Tensor] = {}
    for block in _blocks(layer.module, pieces):
        if block.parameter not in values:
            values[block.parameter] = getattr(layer.module, block.parameter).detach().clone()
        drawn = _draw(block, method, gain, values[block.parameter].shape, generator)
        values[block.parameter][block.start : block.stop] = drawn.mul_(factor)
    for name, value in values.items():
        _assign(layer.module, name, value)
    _zero_biases(layer.module)


def _gain(method: str, row: Activation, layer: _Layer) -> float:
    """The activation's gain where the method asks for one; a linear unit's, 1, where none follows."""
    kinds = (nn.Linear, nn.Bilinear, *_CONV, *_TRANSPOSED)
    straight = layer.is_output or isinstance(layer.module, NonDynamicallyQuantizableLinear)  # attention's output
    return row.gain if isinstance(layer.module, kinds) and not straight and method in ("he", "orthogonal") else 1.0


def _draw(block: _Block, method: str, gain: float, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
    """New values of one block, drawn on the CPU in float32 whatever the parameter is."""
    size = (block.stop - block.start, *shape[1:])
    if method in ("orthogonal", "lsuv") or (block.recurrent and method not in LITERAL):
        return nn.init.orthogonal_(torch.empty(size), gain=gain, generator=generator)
    std = {
        **LITERAL,
        "xavier": math.sqrt(2 / (block.fan_in + block.fan_out)),
        "lecun": math.sqrt(1 / block.fan_in),
        "he": gain * math.sqrt(1 / block.fan_in),
    }[method]
    return torch.randn(size, generator=generator).mul_(std)


def _blocks(module: nn.Module, pieces: int) -> Iterator[_Block]:
    """The matrices of a module's parameters: gates, query/key/value and maxout pieces apart."""
    if isinstance(module, nn.Linear):
        yield from _rows("weight", module.out_features, pieces, module.in_features)
    elif isinstance(module, nn.Bilinear):
        yield from _rows("weight", module.out_features, 1, module.in1_features * module.in2_features)
    elif isinstance(module, _CONV):
        field = math.prod(module.kernel_size)
        fan_in = module.in_channels // module.groups * field
        yield from _rows("weight", module.out_channels, pieces, fan_in, field / module.groups)
    elif isinstance(module, _TRANSPOSED):
        # weight (C_in, C_out / groups, ...): a place of the output is reached by field / stride places
        field = math.prod(module.kernel_size) / math.prod(module.stride)
        fan_in = max(1.0, module.in_channels / module.groups * field)
        fan_out = max(1.0, module.out_channels / module.groups * field)
        yield _Block("weight", 0, module.in_channels, fan_in, fan_out)
    elif isinstance(module, nn.RNNBase):
        for name, weight in module.named_parameters(recurse=False):
            if name.startswith("weight"):
                gates = {"LSTM": 4, "GRU": 3}.get(module.mode, 1) if "_hr_" not in name else 1
                yield from _rows(name, weight.shape[0], gates, weight.shape[1], recurrent="_hh_" in name)
    elif isinstance(module, nn.RNNCellBase):
        gates = module.weight_ih.shape[0] // module.hidden_size
        yield from _rows("weight_ih", module.weight_ih.shape[0], gates, module.input_size)
        yield from _rows("weight_hh", module.weight_hh.shape[0], gates, module.hidden_size, recurrent=True)
    elif isinstance(module, nn.MultiheadAttention):
        if module.in_proj_weight is not None:
            yield from _rows("in_proj_weight", 3 * module.embed_dim, 3, module.embed_dim)
        else:
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                weight = getattr(module, name)
                yield from _rows(name, weight.shape[0], 1, weight.shape[1])


def _rows(
    parameter: str, rows: int, parts: int, fan_in: float, field: float = 1.0, recurrent: bool = False
) -> Iterator[_Block]:
    size = rows // parts
    for part in range(parts):
        yield _Block(parameter, part * size, (part + 1) * size, fan_in, size * field, recurrent)


def _assign(module: nn.Module, name: str, value: Tensor) -> None:
    """Write through a parametrization (weight norm, orthogonal ...) where there is one."""
    if is_parametrized(module, name):
        setattr(module, name, value)
    else:
        getattr(module, name).copy_(value)


def _zero_biases(module: nn.Module) -> None:
    for name, parameter in module.named_parameters(recurse=False):
        if "bias" in name:
            parameter.zero_()
    if isinstance(module, nn.MultiheadAttention) and module.out_proj.bias is not None:
        module.out_proj.bias.zero_()


def _unit_variance(model: nn.Module, layers: list[_Layer], sample: Tensor, output_gain: float) -> None:
    """Scale each layer so that its output has std 1 on the sample, in one pass.

    With biases at 0 a linear layer's output scales with its weights exactly, so that its hook can
    mend the weights and hand on the output that they would have given.
    """
    scaled: set[int] = set()

    def mend(target: float, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        std = float(output.float().std())
        if id(module) in scaled or not std > 0 or not math.isfinite(std):
            return None
        scaled.add(id(module))
        _assign(module, "weight", module.weight * (target / std))
        return output * (target / std)

    modes = {module: module.training for module in model.modules()}
    handles = []
    for layer in layers:
        if isinstance(layer.module, (nn.Linear, nn.Bilinear, *_CONV, *_TRANSPOSED)):
            target = output_gain if layer.is_output else 1.0
            handles.append(layer.module.register_forward_hook(partial(mend, target)))
    try:
        model.eval()
        model(sample)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
