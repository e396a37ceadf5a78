"""What happens inside the network, seen at some epochs' ends on the same examples: activations, gradients, histograms.

The training isn't touched: a pass of its own in evaluation mode, whose gradients go nowhere. Nothing random is drawn.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..nn import facts_of
from ..probes import Probe
from ..probes._pictures import histogram, images
from ..record import Event, Store
from ..registry import members
from .loop import Training

EXAMPLES = 512
"""As many as say of a ReLU unit that it is dead."""
FEW = 128
"""What the rest is measured on."""
DRAWN = {
    "activation.mean",
    "activation.std",
    "activation.dead",
    "activation.saturated",
    "gradient.activation",
    "gradient.norm",
}
"""Readings that a page draws; what else is measured of a training that is watched is left to `watch`."""
LAYERS = 12
"""Layers whose histograms are kept, at most, spread through depth."""


def due(epoch: int) -> bool:
    """Is it looked at after this epoch (counted from 1)? The further on the more seldom: 1, 2, 3, 4, 6, 9, 13, 19 …

    Examples:
        >>> [epoch for epoch in range(1, 50) if due(epoch)]
        [1, 2, 3, 4, 6, 9, 13, 19, 28, 42]
    """
    at = 1
    while at < epoch:
        at = at + max(1, at // 2)
    return at == epoch


class Portrait:
    """Looks at one training's network; `look` writes what it sees at the training's step.

    Args:
        training: whose network is looked at, on the first of its training examples.
        store: where readings and arrays go.
    """

    def __init__(self, training: Training, store: Store) -> None:
        self.training, self.store, self.failed = training, store, False
        known = members("babysit.probes", Probe).values()
        self.probes: list[Probe] = [one for one in known if isinstance(one, Probe) and DRAWN & set(one.gives)]
        named = {id(one): f"network.{name}" for name, one in training.body.named_modules()}
        self.layers = [
            (named[id(one)], one, facts_of(one)) for one in training.body.modules() if not any(one.children())
        ]
        self.weights = [(f"network.{name}", one) for name, one in training.weights.items()]

    def look(self) -> None:
        """One look; where it fails (somebody's own model may do anything) the record says so, and it isn't tried again."""
        if self.failed:
            return
        device = self.training.device
        try:
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                self._look()
        except Exception as error:
            self.failed = True
            told = f"the inside of the network was not looked at: {type(error).__name__}: {error}"
            self.store.add_event(Event(self.training.step, "warning", "", {"text": told}))

    def _look(self) -> None:
        training, step = self.training, self.training.step
        count = min(EXAMPLES, len(training.prepared.train))
        x, y = training.prepared.train.first(torch.arange(count))
        body, mode = training.body, training.body.training
        self.found: dict[tuple[str, str], float] = {}
        self.histograms: dict[tuple[str, str], Tensor] = {}
        self.alive: dict[tuple[str, str], Tensor] = {}
        kept = {name for name, _, _ in spread([one for one in self.layers if measured(one[2])], LAYERS)}
        handles = [
            module.register_forward_hook(lambda _, __, output, name=name, facts=facts: self._output(name, facts, output, name in kept))
            for name, module, facts in self.layers
            if measured(facts)
        ]  # fmt: skip
        try:
            body.eval()
            self.first = True
            for inputs, targets in zip(x.split(FEW), y.split(FEW), strict=True):
                with torch.set_grad_enabled(self.first):
                    loss = training.criterion(body(inputs), targets)
                    if self.first:
                        gradients = torch.autograd.grad(loss, [one for _, one in self.weights], allow_unused=True)
                self.first = False
        finally:
            body.train(mode)
            for handle in handles:
                handle.remove()
        self._weights(gradients)
        if count >= EXAMPLES:  # of fewer it would be said too often
            self.found |= {key: 1 - float(flags.float().mean()) for key, flags in self.alive.items()}
        self._write(step, tuple(x.shape[1:]))

    def _output(self, name: str, facts: dict[str, Any], output: Any, kept: bool) -> None:
        if not isinstance(output, Tensor) or output.ndim < 2 or not output.is_floating_point():
            return
        axis = 1 if output.ndim >= 4 else output.ndim - 1
        if self.first and output.requires_grad:
            output.register_hook(lambda gradient: self._probe("activation_gradient", name, facts, gradient, axis))
        x = output.detach()
        self._probe("activation", name, facts, x, axis)
        if self.first and kept:
            self.histograms["activation.histogram", name] = histogram(x)

    @torch.no_grad()
    def _probe(self, site: str, name: str, facts: dict[str, Any], x: Tensor, axis: int) -> None:
        for one in self.probes:
            if one.site != site or not one.fits(facts) or not (self.first or one.examples):
                continue
            values = one(x, axis, facts)
            if values is None:
                continue
            if one.examples:
                before = self.alive.get((one.gives[0], name))
                self.alive[one.gives[0], name] = values if before is None else before | values
                continue
            numbers = values.reshape(-1).tolist()
            numbers = numbers if one.finish is None else one.finish(numbers, x.shape)
            self._found(one, name, numbers)

    def _found(self, probe: Probe, name: str, numbers: list[float]) -> None:
        self.found |= {(what, name): one for what, one in zip(probe.gives, numbers, strict=True) if what in DRAWN}

    def _weights(self, gradients: tuple[Tensor | None, ...]) -> None:
        rows = [
            (name, one, gradient)
            for (name, one), gradient in zip(self.weights, gradients, strict=True)
            if gradient is not None
        ]
        for probe in self.probes:
            if probe.site == "gradient" and rows:
                values = probe([gradient for _, _, gradient in rows]).reshape(-1, len(rows)).T.tolist()
                for (name, _, _), numbers in zip(rows, values, strict=True):
                    self._found(probe, name, numbers)
        for name, weight, gradient in spread(rows, LAYERS):
            self.histograms["weight.histogram", name] = histogram(weight)
            self.histograms["gradient.histogram", name] = histogram(gradient)

    def _write(self, step: int, shape: tuple[int, ...]) -> None:
        self.store.append(step, self.found)
        for (what, name), one in self.histograms.items():
            self.store.add_vector(step, what, name, one.cpu().numpy())
        if self.weights and (seen := images(self.weights[0][1], shape)) is not None:
            self.store.add_vector(step, "weight.images", self.weights[0][0], seen.float().cpu().numpy())


def measured(facts: dict[str, Any]) -> bool:
    """Is this a layer whose outputs tell something?"""
    return facts["role"] in ("linear", "conv", "activation", "norm")


def spread(rows: list[Any], most: int) -> list[Any]:
    """At most `most` of them, evenly, first and last included.

    Examples:
        >>> spread(list(range(10)), 4)
        [0, 3, 6, 9]
    """
    if len(rows) <= most:
        return rows
    return [rows[round(index * (len(rows) - 1) / (most - 1))] for index in range(most)]
