"""What layers give: hooks on every module, there only while a step is observed.

One pair of PyTorch's global module hooks serves all models; each site's probes are taken at its first
call in a forward pass that is trained on. Nothing is kept: a probe's result is a few numbers on the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..probes import Probe
from ..record.run import Key
from .guard import Guard
from .models import Models, Site
from .transfer import Transfer

MEASURED = ("linear", "conv", "activation", "norm", "recurrent", "attention", "embedding", "preprocess")
MODAL = ("dropout",)
ELEMENTS = 32_768
EXAMPLES = 512

Put = Callable[[Key, float], None]


@dataclass(eq=False)
class _Window:
    """Flags of a site's units, combined over examples until there are enough."""

    flags: Tensor | None = None
    examples: int = 0


@dataclass(eq=False)
class Layers:
    """Takes the probes of activations, their gradients, and norms."""

    models: Models
    transfer: Transfer
    probes: list[Probe]
    timed: Callable[..., Any]
    guard: Guard
    rare: bool = True
    frame: Callable[[str, Tensor], None] | None = None  # takes outputs for a page, in a step that it wants
    taken: set[int] = field(default_factory=set)
    _windows: dict[tuple[int, str], _Window] = field(default_factory=dict)
    _fitting: dict[int, list[Probe]] = field(default_factory=dict)

    def begin(self) -> None:
        """An observed step begins."""
        self.taken.clear()

    def wanted(self, site: Site) -> bool:
        """Is this site still to be looked at in this step?"""
        return id(site) not in self.taken and (site.role in MEASURED or site.role in MODAL)

    def output(self, site: Site, module: nn.Module | None, inputs: Any, output: Any, put: Put) -> None:
        """Measure one site's output."""
        x = plain_tensor(output)
        if x is None or not x.is_floating_point() or not x.numel() or x.ndim < 1:
            return
        self.taken.add(id(site))
        axis = unit_axis(x, site)
        if x.requires_grad and site.role in MEASURED:
            self._gradient(site, x, axis, put)
        x = x.detach()
        if axis == x.ndim - 1 and x.ndim > 2:  # (N, T, F): every position is an example
            x, axis = x.reshape(-1, x.shape[-1]), 1
        if x.ndim < 2:
            return
        few = sampled(x)
        if self.frame is not None and site.role in MEASURED:
            self.guard("frames", self.frame, site.where, few)
        for one in self._of(site):
            if one.site == "activation":
                self._take(one, site, x if one.whole else few, axis, put)
            elif one.site == "norm" and module is not None:
                given = plain_tensor(inputs)
                if given is not None:
                    each = given.numel() // max(1, given.shape[1]) if given.ndim > 1 else 0
                    values = self.guard(one.name, one, sampled(given.detach()), module, each)
                    self._send(one, site, values, put)

    def _of(self, site: Site) -> list[Probe]:
        found = self._fitting.get(id(site))
        if found is None:
            found = [one for one in self.probes if one.fits(site.facts)]
            if site.role not in MEASURED:
                found = []
            if not (site.role == "norm" and site.facts.get("running")):
                found = [one for one in found if one.site != "norm"]
            self._fitting[id(site)] = found
        return found if self.rare else [one for one in found if not one.rare]

    def _take(self, one: Probe, site: Site, x: Tensor, axis: int, put: Put) -> None:
        values = self.guard(one.name, one, x, axis, site.facts)
        if values is None:
            return
        if not one.examples:
            self._send(one, site, values, put, x.shape)
            return
        window = self._windows.setdefault((id(site), one.name), _Window())
        same = window.flags is not None and window.flags.shape == values.shape
        window.flags = window.flags | values if same else values  # type: ignore[operator]
        window.examples = (window.examples if same else 0) + len(x)
        if window.examples >= EXAMPLES:
            share = 1 - window.flags.float().mean()
            del self._windows[(id(site), one.name)]
            self._send(one, site, share, put)

    def _send(self, one: Probe, site: Site, values: Tensor | None, put: Put, shape: Sequence[int] = ()) -> None:
        if values is None:
            return

        def receive(numbers: list[float]) -> None:
            where = site.where
            if one.finish is not None:
                numbers = one.finish(numbers, shape)
            for what, value in zip(one.gives, numbers, strict=True):
                if value == value or what != "activation.between":  # of a single example it says nothing
                    put((what, where), value)
            if one.name == "activation_moments":
                put(("activation.nonfinite", where), float(not abs(numbers[0]) < float("inf")))

        self.transfer.add(values, receive)

    def _gradient(self, site: Site, x: Tensor, axis: int, put: Put) -> None:
        probes = [one for one in self._of(site) if one.site == "activation_gradient"]
        if not probes:
            return

        def measure(gradient: Tensor) -> None:
            if is_plain(gradient):
                with torch.no_grad():
                    for one in probes:
                        few = sampled(gradient.detach())
                        self._send(one, site, self.guard(one.name, one, few, axis, site.facts), put, few.shape)

        x.register_hook(lambda gradient: self.timed(measure, gradient))


def plain_tensor(value: Any) -> Tensor | None:
    """The first real tensor in what a module takes or gives; None for tracers, wrappers and the like."""
    if isinstance(value, tuple | list):
        value = value[0] if value else None
        return plain_tensor(value) if isinstance(value, tuple | list | dict) or is_plain(value) else None
    if isinstance(value, dict):
        for one in value.values():
            if is_plain(one) and one.is_floating_point():
                return one
        return None
    return value if is_plain(value) else None


def is_plain(value: Any) -> bool:
    """A tensor with values of its own: not a tracer's, not a transform's, not a subclass."""
    return (
        type(value) in (Tensor, nn.Parameter)
        and not torch._C._functorch.is_functorch_wrapped_tensor(value)
        and (value.layout is torch.strided and value.device.type != "meta")
    )


def sampled(x: Tensor) -> Tensor:
    """At most about 32,768 elements: evenly spaced examples, 8 of them at least, then places of maps; float32 at least."""
    if x.numel() > ELEMENTS and len(x) > 8:
        x = x[:: min(len(x) // 8, -(-x.numel() // ELEMENTS))]
    if x.numel() > 2 * ELEMENTS and x.ndim >= 4:
        apart = math.ceil((x.numel() / ELEMENTS) ** 0.5)
        x = x[..., :: min(apart, x.shape[-2]), :: min(apart, x.shape[-1])]
    x = x.contiguous()
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def unit_axis(x: Tensor, site: Site) -> int:
    """The axis of the units: channels of maps, features otherwise."""
    if x.ndim >= 4:
        return 1 if site.role != "attention" else x.ndim - 1
    if x.ndim == 3 and (site.role == "conv" or site.facts.get("norm") in ("batch", "instance", "group")):
        return 1
    return x.ndim - 1
