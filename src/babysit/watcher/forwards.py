"""Modules, and functions that do what modules do, as they are called and return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..record.run import Key
from .batches import inputs_of
from .kept import marked
from .layers import plain_tensor, sampled
from .models import Site, has_parameters, unwrapped
from .passes import Passes
from .state import HELD_INPUTS, UNRESOLVED, Forward
from .structure import is_selected
from .validation import modes

WEIGHTED = ("linear", "conv", "recurrent")
VIEWS = 8
"""Views that trade axes, which are remembered."""
TURNS = 4
"""Steps at which examples must have been turned in one way, to be an augmentation."""


def _tensors(output: Any, depth: int = 0) -> list[Tensor]:
    """Tensors in what a model gives: itself, or in tuples, lists, dicts and dataclasses."""
    if isinstance(output, Tensor):
        return [output]
    if depth > 3:
        return []
    if isinstance(output, dict):
        output = list(output.values())
    elif hasattr(output, "__dataclass_fields__"):
        output = list(vars(output).values())
    if isinstance(output, list | tuple):
        return [x for one in list(output)[:32] for x in _tensors(one, depth + 1)]
    return []


class Forwards(Passes):
    """Hears modules."""

    def enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A module is called."""
        if self.stack:
            site = self.models.site(module)
            if site is None and has_parameters(module):
                site = self.models.unregistered(module, next((s for _, s in reversed(self.stack) if s), None))
            self.stack.append((module, site))
        else:
            self.stack.append((module, self._enter_root(module, args, kwargs)))
            site = self.stack[-1][1]
        if site is not None and self.current is not None and self.current.measured:
            self.models.call(site)
            if self.layers.rare:
                self.structure.entered(site, plain_tensor(args))
                if site.shape_in is None and (x := plain_tensor(args)) is not None:
                    site.shape_in = list(x.shape)
                if site.role == "linear" and not site.one_place:
                    site.one_place = is_selected(plain_tensor(args))
                if not self.current.entered and site.role in WEIGHTED:
                    self.current.entered = True
                    self._first_layer(site, plain_tensor(args), self.current)

    def _first_layer(self, site: Site, x: Tensor | None, forward: Forward) -> None:
        """What the first layer with weights gets, where the model has made something else of its input."""
        given = [one for _, one in forward.inputs]
        if x is None or not x.is_floating_point() or x.requires_grad or not x.numel() or not given:
            return
        if any(one.data_ptr() == x.data_ptr() for one in given):
            return
        with torch.no_grad():
            size = sampled(x.detach()).square().mean().sqrt()
        put = self._into(forward)
        self.transfer.add(size, lambda values: put(("input.rms", site.where), values[0]))

    def viewed(self, before: list[int], after: list[int]) -> None:
        """A view has traded axes."""
        if len(self.views) < VIEWS and self.step < 10:
            one = {"from": before, "to": after, "source": self.sources.here(4), "inside": self.current is not None}
            if one not in self.views:
                self.views.append(one)
                self.recording.set_fact("views", list(self.views))

    def turned(self, kind: str) -> None:
        """Examples were turned; an augmentation, where that comes back while it trains."""
        if not self.step or self.validation.running:
            return
        if kind not in self.turns:
            self.turns[kind] = (self.sources.here(4), set())
        _, steps = self.turns[kind]
        if len(steps) < TURNS and self.step not in steps:
            steps.add(self.step)
            if len(steps) == TURNS:
                known = [{"kind": one, "source": at} for one, (at, seen) in self.turns.items() if len(seen) == TURNS]
                self.recording.set_fact("turns", known)

    def _enter_root(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Site | None:
        inner = unwrapped(module)
        site = self.models.site(inner)
        if site is not None and not has_parameters(inner):
            return None  # a criterion or a metric that is kept as a part of the model
        if site is None:
            if self.closed or not has_parameters(inner):
                return None
            self.models.discover(module)
            site = self.models.site(inner)
        if site is None:
            return None
        root, grad = site.root, torch.is_grad_enabled()
        if grad:
            self.hand_over()
        inputs = inputs_of(args, kwargs)
        self.dead.fed([x for _, x in inputs])
        if not grad:
            self._validate(root, module, inputs, grad=False)
            return site
        root.trained = True
        open_ones = sum(one.measured and not one.reached for one in self.forwards)
        done = any(one.measured and one.reached and one.root is root for one in self.forwards)
        forward = Forward(root, inner, inputs, modes(inner), None)
        forward.training = inner.training
        forward.measured = self.deep and not done and open_ones < UNRESOLVED
        if forward.measured:
            self.layers.taken.clear()
            self.structure.clear()
            self.structure.inputs = [x for _, x in inputs]
            for one in self.models.called:
                one.counting = 0
            if self.trials.due(self.step) and root is self.models.main():
                self.guard("trials", self.trials.take, inner, args)
        for old in self.forwards[:-HELD_INPUTS]:
            old.inputs = []
        self.forwards.append(forward)
        if len(self.forwards) > 256:
            del self.forwards[8]
        self.current = forward
        return site

    def leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """A module has returned."""
        while self.stack:
            one, site = self.stack.pop()
            if one is module:
                break
        else:
            return
        forward = self.current
        if site is not None and forward is not None and forward.measured:
            if self.layers.rare:
                x = plain_tensor(output)
                self.structure.left(site, x)
                if site.shape_out is None and x is not None:
                    site.shape_out = list(x.shape)
            if site.leaf and not self.light and self.layers.wanted(site):
                with torch.no_grad():
                    self.layers.output(site, module, args, output, self._into(forward))
        if not self.stack:
            self.current = None
            self.structure.clear()
            if forward is None and self.validation.running and site is not None:
                self.guard("comparisons", self.comparisons.answered, plain_tensor(output), False)
            if forward is not None:
                self._mark_reached(forward, output)
                first = plain_tensor(output)
                forward.output = first.detach() if forward.measured and first is not None else None
                if forward.measured:
                    self.guard("comparisons", self.comparisons.answered, forward.output, True)
                    for one in self.models.called:
                        one.calls = one.counting or one.calls
                        one.last = self.step + 1 if one.counting else one.last

    def _into(self, forward: Forward) -> Callable[[Key, float], None]:
        return forward.own.__setitem__

    def _mark_reached(self, forward: Forward, output: Any) -> None:
        for x in _tensors(output):
            if x.requires_grad:
                if forward.mark is None and (forward.measured or (self.deep and len(self.forwards) <= UNRESOLVED + 2)):
                    forward.mark = marked(x)

                def arrived(gradient: Tensor) -> None:
                    forward.reached = True

                x.register_hook(arrived)

    def functional(self, kind: str, x: Tensor, output: Any, facts_of_kind: dict[str, Any]) -> None:
        """A function that does what a module does was called inside a module (F.relu)."""
        forward = self.current
        parent = next((site for _, site in reversed(self.stack) if site is not None), None)
        if forward is None or not forward.measured or parent is None or parent.role == "activation":
            return
        key = hash((id(parent), kind, self._functional_line()))
        site = self.models.sites.get(key)
        if site is None:
            taken = sum(one.module is None and one.root is parent.root and one.facts.get("of") == parent.name
                        and one.facts["kind"] == kind for one in self.models.called)  # fmt: skip
            name = f"{kind}_{taken + 1}" if taken else kind
            full = f"{parent.name}.{name}" if parent.name else name
            site = Site(full, parent.root, {**facts_of_kind, "kind": kind, "of": parent.name})
            self.models.sites[key] = site
        self.models.call(site)
        if self.layers.rare:
            self.structure.entered(site, x)
            self.structure.left(site, plain_tensor(output))
            site.shape_out = site.shape_out or list(getattr(output, "shape", ()))
        if self.layers.wanted(site):
            with torch.no_grad():
                self.layers.output(site, None, (x,), output, self._into(forward))

    def _functional_line(self) -> tuple[str, int]:
        frame = self.sources.frame(3)
        return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lasti)
