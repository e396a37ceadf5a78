"""Any plain module for many lanes at once: `torch.func` over stacked parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from .batched import Group
from .criteria import Targets
from .noise import LaneDropout, replace_dropout
from .solo import kept_buffers, measure
from .updates import Arena

UNFIT = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.RReLU, nn.RNNBase)
"""Modules whose randomness would depend on the neighbours, or that vmap can't take."""


class Vmapped:
    """A program over a module.

    Raises:
        ValueError: why the module can't be trained this way, in one sentence.
    """

    def __init__(self, module: nn.Module, example: Tensor, loss: str, classes: int) -> None:
        self.module = copy.deepcopy(module).to(example.device)
        self.dropouts = replace_dropout(self.module)
        unfit = next((one for one in self.module.modules() if isinstance(one, UNFIT)), None)
        if unfit is not None:
            raise ValueError(f"its {type(unfit).__name__} {_why(unfit)}")
        measure(self.module, self.dropouts, example)
        self.loss, self.classes = loss, classes
        self.parameters = {name: tuple(one.shape) for name, one in self.module.named_parameters()}
        whole = dict(kept_buffers(self.module))
        self.counts = {name: one for name, one in whole.items() if not one.is_floating_point()}
        self.buffers = {name: tuple(one.shape) for name, one in whole.items() if one.is_floating_point()}
        self._places = [name for name, one in self.module.named_modules() if isinstance(one, LaneDropout)]

    def bind(self, parameters: Arena, gradients: Arena, buffers: Arena, rates: Tensor) -> None:
        """Work on these arenas, with dropout rates (dropouts, L), from now on."""
        self.p, self.g, self.b, self.rates = parameters, gradients, buffers, rates

    def train_step(
        self, xs: list[Tensor], targets: Targets, groups: Sequence[Group], noises: list[list[Any]]
    ) -> Tensor:
        """One forward and backward; the losses (L,)."""
        self.module.train()
        x, where = self._inputs(xs, groups)
        held: dict[str, Tensor] = {f"{place}.rate": self.rates[index] for index, place in enumerate(self._places)}
        count = len(xs[0])
        for index, (place, lane) in enumerate(zip(self._places, self.dropouts, strict=True)):
            drawn = [noise.draw(lane.features, count) for noise in noises[index]]
            held[f"{place}.numbers"] = torch.cat(
                [one.expand(group.stop - group.start, *one.shape) for one, group in zip(drawn, groups, strict=True)]
            )
        fit = Fit(targets)

        def loss_of(p: dict[str, Tensor], b: dict[str, Tensor], x: Tensor, fitted: tuple[Tensor, ...]) -> Any:
            outputs = functional_call(self.module, (p, b), (x,))
            return fit.loss(outputs, fitted), {name: b[name] for name in self.buffers}

        buffers = {
            **self.b.blocks,
            **held,
            **{name: one.expand(self.p.lanes, *one.shape) for name, one in self.counts.items()},
        }
        buffers = {
            name: one.clone() if name in self.buffers or name in self.counts else one for name, one in buffers.items()
        }
        gradients, (losses, new) = vmap(grad_and_value(loss_of, has_aux=True), in_dims=(0, 0, where, 0))(
            self.p.blocks, buffers, x, fit.parts(self.p.lanes)
        )
        for name, one in gradients.items():
            self.g.blocks[name].copy_(one)
        for name, one in new.items():
            self.b.blocks[name].copy_(one)
        return losses.detach()

    def outputs(self, xs: list[Tensor], groups: Sequence[Group]) -> Tensor:
        """Outputs (L, K, n), in evaluation."""
        self.module.eval()
        x, where = self._inputs(xs, groups)
        counts = {name: one.expand(self.p.lanes, *one.shape) for name, one in self.counts.items()}

        def run(p: dict[str, Tensor], b: dict[str, Tensor], x: Tensor) -> Tensor:
            return functional_call(self.module, (p, b), (x,))

        with torch.no_grad():
            found = vmap(run, in_dims=(0, 0, where))(self.p.blocks, {**self.b.blocks, **counts}, x)
        return found.transpose(1, 2)

    @staticmethod
    def _inputs(xs: list[Tensor], groups: Sequence[Group]) -> tuple[Tensor, int | None]:
        if len(xs) == 1:
            return xs[0], None
        return torch.cat([x.expand(group.stop - group.start, *x.shape) for x, group in zip(xs, groups, strict=True)]), 0


def _why(unfit: nn.Module) -> str:
    return "has kernels of its own" if isinstance(unfit, nn.RNNBase) else "draws random numbers by itself"


class Fit:
    """Targets as one lane sees them under vmap."""

    def __init__(self, targets: Targets) -> None:
        self.targets = targets

    def parts(self, lanes: int) -> tuple[Tensor, ...]:
        """What of the targets is one per lane (L, …)."""
        found = self.targets.y if self.targets.loss == "mse" else self.targets.weights
        return (found.expand(lanes, *found.shape[1:]),)

    def loss(self, outputs: Tensor, parts: tuple[Tensor, ...]) -> Tensor:
        """The criterion of one lane's outputs (n, K)."""
        (wanted,) = parts
        values = outputs.T
        if self.targets.loss == "mse":
            return (values - wanted).square().mean()
        if self.targets.loss == "hinge":
            own = (values * wanted).sum(0, keepdim=True)
            return ((values - own + 1).clamp(min=0) * (1 - wanted)).sum() / values.shape[1]
        return -(torch.log_softmax(values, 0) * wanted).sum() / values.shape[1]


Program = Callable[..., Any]
