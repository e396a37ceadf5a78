"""A stack's forward and backward for many lanes at once, written out: no graph, no allocation in a step.

Values lie as (lanes, features, examples). Lanes that see the same examples share one copy of them. Everything is
one lane's own arithmetic: a NaN in one stays there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .stack import Layer
from .updates import Arena

aten = torch.ops.aten


@dataclass
class Group:
    """Lanes `start:stop` that see the same examples and noise (equal fold, seed and epoch)."""

    start: int
    stop: int


class Space:
    """Scratch memory by name, made once for the most lanes and examples; smaller shapes are views of it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._held: dict[str, Tensor] = {}
        self._views: dict[tuple[str, tuple[int, ...]], Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        found = self._views.get((name, shape))
        if found is not None:
            return found
        size = math.prod(shape)
        held = self._held.get(name)
        if held is None or held.numel() < size:
            held = self._held[name] = torch.empty(size, device=self.device)
            self._views = {key: view for key, view in self._views.items() if key[0] != name}
        found = self._views[name, shape] = held[:size].view(shape)
        return found


class Kernel:
    """One layer of all lanes."""

    def __init__(self, index: int, layer: Layer, space: Space) -> None:
        self.index, self.layer, self.space = index, layer, space

    def buffer(self, name: str, *shape: int) -> Tensor:
        return self.space(f"{self.index}.{name}", *shape)


class Linear(Kernel):
    """z = W x + b; the first layer reads the shared examples."""

    first = False

    def bind(self, parameters: Arena, gradients: Arena) -> None:
        name = self.layer.name
        self.weight, self.grad = parameters.blocks[f"{name}.weight"], gradients.blocks[f"{name}.weight"]
        self.has_bias = f"{name}.bias" in parameters.blocks
        if self.has_bias:
            self.bias = parameters.blocks[f"{name}.bias"].unsqueeze(-1)
            self.bias_grad = gradients.blocks[f"{name}.bias"]

    def forward(self, a: Tensor | list[Tensor], groups: Sequence[Group], training: bool) -> Tensor:
        lanes, units, inputs = self.weight.shape
        self.input = a
        if isinstance(a, Tensor):
            z = self.buffer("z", lanes, units, a.shape[2])
            torch.bmm(self.weight, a, out=z)
        else:
            count = len(a[0])
            z = self.buffer("z", lanes, units, count)
            for group, x in zip(groups, a, strict=True):
                here = slice(group.start, group.stop)
                torch.bmm(self.weight[here], x.T.expand(group.stop - group.start, inputs, count), out=z[here])
        return z.add_(self.bias) if self.has_bias else z

    def backward(self, dz: Tensor, groups: Sequence[Group]) -> Tensor | None:
        if self.has_bias:
            torch.sum(dz, -1, out=self.bias_grad)
        if not isinstance(self.input, Tensor):
            for group, x in zip(groups, self.input, strict=True):
                here = slice(group.start, group.stop)
                torch.bmm(dz[here], x.expand(group.stop - group.start, *x.shape), out=self.grad[here])
            return None
        torch.bmm(dz, self.input.transpose(1, 2), out=self.grad)
        da = self.buffer("da", *self.input.shape)
        return torch.bmm(self.weight.transpose(1, 2), dz, out=da)


class Activation(Kernel):
    """Elementwise; by the output where the derivative can be told from it, then in place."""

    def forward(self, a: Tensor, groups: Sequence[Group], training: bool) -> Tensor:
        kind, options = self.layer.function, self.layer.options
        if kind == "relu":
            self.kept = a.clamp_(min=0)
        elif kind == "tanh":
            self.kept = a.tanh_()
        elif kind == "sigmoid":
            self.kept = a.sigmoid_()
        elif kind == "leaky_relu":
            self.kept = torch.nn.functional.leaky_relu_(a, options["slope"])
        elif kind == "elu":
            self.kept = torch.nn.functional.elu_(a, options["alpha"])
        elif kind == "selu":
            self.kept = torch.nn.functional.selu_(a)
        else:
            return self._kept_input(a, kind, options)
        return self.kept

    def _kept_input(self, a: Tensor, kind: str, options: dict) -> Tensor:
        self.kept = a
        if kind == "maxout":
            pieces = options["pieces"]
            lanes, units, count = a.shape
            parts = a.view(lanes, pieces, units // pieces, count)
            out = self.buffer("out", lanes, units // pieces, count)
            torch.maximum(parts[:, 0], parts[:, 1], out=out)
            for piece in range(2, pieces):
                torch.maximum(out, parts[:, piece], out=out)
            self.out = out
            return out
        out = self.buffer("out", *a.shape)
        if kind == "gelu":
            return aten.gelu.out(a, approximate=options["approximate"], out=out)
        if kind == "silu":
            return aten.silu.out(a, out=out)
        return aten.softplus.out(a, options["beta"], options["threshold"], out=out)

    def backward(self, da: Tensor, groups: Sequence[Group]) -> Tensor:
        kind, options, kept = self.layer.function, self.layer.options, self.kept
        if kind == "relu":
            return aten.threshold_backward.grad_input(da, kept, 0, grad_input=da)
        if kind == "tanh":
            return aten.tanh_backward.grad_input(da, kept, grad_input=da)
        if kind == "sigmoid":
            return aten.sigmoid_backward.grad_input(da, kept, grad_input=da)
        if kind == "leaky_relu":
            return aten.leaky_relu_backward.grad_input(da, kept, options["slope"], True, grad_input=da)
        if kind == "elu":
            return aten.elu_backward.grad_input(da, options["alpha"], 1.0, 1.0, True, kept, grad_input=da)
        if kind == "selu":
            alpha, scale = 1.6732632423543772, 1.0507009873554805
            return aten.elu_backward.grad_input(da, alpha, scale, 1.0, True, kept, grad_input=da)
        if kind == "maxout":
            return self._share(da)
        if kind == "gelu":
            return aten.gelu_backward.grad_input(da, kept, approximate=options["approximate"], grad_input=da)
        if kind == "silu":
            return aten.silu_backward.grad_input(da, kept, grad_input=da)
        return aten.softplus_backward.grad_input(da, kept, options["beta"], options["threshold"], grad_input=da)

    def _share(self, da: Tensor) -> Tensor:
        """The gradient of a maximum goes to the piece that gave it (in equal parts to equal ones)."""
        pieces = self.layer.options["pieces"]
        lanes, units, count = da.shape
        dz = self.buffer("dz", lanes, pieces * units, count)
        parts, inputs = dz.view(lanes, pieces, units, count), self.kept.view(lanes, pieces, units, count)
        won = torch.eq(inputs, self.out.unsqueeze(1), out=self.buffer("won", *parts.shape))
        torch.mul(won, (da / won.sum(1)).unsqueeze(1), out=parts)
        return dz


class Dropout(Kernel):
    """Units whose number is below the lane's rate are 0, the others scaled up."""

    def rates(self, rates: Tensor) -> None:
        """Set the lanes' rates (L,)."""
        self.rate = rates.view(-1, 1, 1)
        self.scale = 1 / (1 - self.rate)
        self.any = bool((rates > 0).any())

    def forward(self, a: Tensor, groups: Sequence[Group], training: bool) -> Tensor:
        self.active = training and self.any
        if not self.active:
            return a
        self.mask = self.buffer("mask", *a.shape)
        for group, noise in zip(groups, self.noises, strict=True):
            here = slice(group.start, group.stop)
            torch.ge(noise.draw(a.shape[1], a.shape[2]), self.rate[here], out=self.mask[here])
        self.mask.mul_(self.scale)
        return a.mul_(self.mask) if self.in_place else torch.mul(a, self.mask, out=self.buffer("out", *a.shape))

    def backward(self, da: Tensor, groups: Sequence[Group]) -> Tensor:
        return da.mul_(self.mask) if self.active else da

    noises: list = []
    in_place = False


class Norm(Kernel):
    """Batch norm: PyTorch's kernel with lanes x features as its channels."""

    def bind(self, parameters: Arena, gradients: Arena, buffers: Arena) -> None:
        name = self.layer.name
        self.weight, self.bias = parameters.blocks[f"{name}.weight"], parameters.blocks[f"{name}.bias"]
        self.weight_grad, self.bias_grad = gradients.blocks[f"{name}.weight"], gradients.blocks[f"{name}.bias"]
        self.mean, self.var = buffers.blocks[f"{name}.running_mean"], buffers.blocks[f"{name}.running_var"]

    def forward(self, a: Tensor, groups: Sequence[Group], training: bool) -> Tensor:
        self.shape, self.input = a.shape, a.view(1, -1, a.shape[2])
        out, self.saved_mean, self.saved_scale = aten.native_batch_norm(
            self.input, self.weight.view(-1), self.bias.view(-1), self.mean.view(-1), self.var.view(-1),
            training, self.layer.options["momentum"], self.layer.options["eps"],
        )  # fmt: skip
        return out.view(self.shape)

    def backward(self, da: Tensor, groups: Sequence[Group]) -> Tensor:
        dx, dweight, dbias = aten.native_batch_norm_backward(
            da.reshape(self.input.shape), self.input, self.weight.view(-1), self.mean.view(-1), self.var.view(-1),
            self.saved_mean, self.saved_scale, True, self.layer.options["eps"], [True, True, True],
        )  # fmt: skip
        self.weight_grad.copy_(dweight.view(self.weight_grad.shape))
        self.bias_grad.copy_(dbias.view(self.bias_grad.shape))
        return dx.view(self.shape)


KERNELS: dict[str, type[Kernel]] = {"linear": Linear, "activation": Activation, "dropout": Dropout, "norm": Norm}


class Stack:
    """A stack of kernels: forward to the outputs (L, K, n), backward into the gradients."""

    def __init__(self, layers: Sequence[Layer], space: Space) -> None:
        self.kernels = [KERNELS[layer.kind](index, layer, space) for index, layer in enumerate(layers)]
        self.dropouts = [kernel for kernel in self.kernels if isinstance(kernel, Dropout)]
        for before, kernel in zip(self.kernels, self.kernels[1:], strict=False):
            if isinstance(kernel, Dropout):
                # ReLU's derivative is read off its output's sign, which a mask only takes to 0 where the
                # gradient is 0 too; the other activations that keep their output need it as it was
                function = before.layer.function if isinstance(before, Activation) else ""
                kernel.in_place = function in ("relu", "gelu", "silu", "softplus")

    def bind(self, parameters: Arena, gradients: Arena, buffers: Arena | None) -> None:
        """Work on these arenas from now on."""
        for kernel in self.kernels:
            if isinstance(kernel, Linear):
                kernel.bind(parameters, gradients)
            elif isinstance(kernel, Norm):
                assert buffers is not None
                kernel.bind(parameters, gradients, buffers)

    def forward(self, x: list[Tensor], groups: Sequence[Group], training: bool) -> Tensor:
        """Outputs of examples x[g] (n, D) of each group."""
        value: Tensor | list[Tensor] = x if x[0].ndim == 2 else [one.flatten(1) for one in x]
        for kernel in self.kernels:
            value = kernel.forward(value, groups, training)  # type: ignore[attr-defined]
        assert isinstance(value, Tensor)
        return value

    def backward(self, gradient: Tensor, groups: Sequence[Group]) -> None:
        """Gradients from that of the outputs (L, K, n)."""
        value: Tensor | None = gradient
        for kernel in reversed(self.kernels):
            assert value is not None
            value = kernel.backward(value, groups)  # type: ignore[attr-defined]
