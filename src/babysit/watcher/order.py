"""The order of calls: forward, backward, zero_grad, step and scheduler, counted between two steps.

Exact on observed steps. Which optimizer a backward belongs to is seen by whose gradients it changed.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..record.run import Key

SAMPLE = 24
CARRY = 2048


@dataclass(eq=False)
class Held:
    """One optimizer and what happened to it since its previous step."""

    index: int
    optimizer: weakref.ref[Optimizer]
    source: str | None = None
    row: dict[str, Any] | None = None  # its facts when they were last asked for
    probe: list[weakref.ref[Tensor]] = field(default_factory=list)
    groups: int = 0
    backwards: int = 0
    elsewhere: int = 0  # backward passes that reached only what others hold, less the steps that these have made
    zeros: int = 0
    zeroed_after: bool = False
    since_zero: int = 0
    steps: int = 0
    schedules: int = 0
    skipped: bool = False
    fresh: bool = False  # first seen at its step: what was called before that is not known
    cleared: bool = False  # gradients were cleared before the newest step that was looked at
    before: list[Tensor] | None = None  # samples of gradients found at the first backward after a step
    begin_norm: Tensor | None = None

    @property
    def where(self) -> str:
        return str(self.index)

    def begin(self, *, quiet: bool) -> None:
        """Count anew; after a quiet stretch it isn't known whether gradients were cleared meanwhile."""
        self.backwards = self.zeros = self.schedules = 0
        self.zeroed_after = False
        if quiet:
            self.elsewhere = 0
            self.since_zero = 0 if self.cleared else self.since_zero

    def sample(self) -> list[Tensor]:
        """Some of its parameters, first and last among them."""
        own = self.optimizer()
        if own is not None and (not self.probe or self.groups != len(own.param_groups)):
            self.groups = len(own.param_groups)
            all_of = [p for group in own.param_groups for p in group["params"] if p.requires_grad]
            self.probe = [weakref.ref(p) for p in spread(all_of, SAMPLE)]
        return [p for p in (ref() for ref in self.probe) if p is not None]


def spread(items: list[Any], most: int) -> list[Any]:
    """At most `most` items, evenly spaced, the first and the last always in."""
    if len(items) <= most:
        return items
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


class Order:
    """Counts calls; `readings` says what they came to at a step."""

    def __init__(self) -> None:
        self.held: list[Held] = []
        self.by_id: dict[int, Held] = {}
        self.backwards_without_step = 0
        self.forwards = 0
        self._marks: list[tuple[Held, list[tuple[int, int]]]] = []

    def of(self, optimizer: Optimizer, source: str | None = None) -> Held:
        """The entry of an optimizer, new when it wasn't seen before."""
        held = self.by_id.get(id(optimizer))
        if held is None or held.optimizer() is not optimizer:
            held = Held(len(self.held), weakref.ref(optimizer), source)
            self.held.append(held)
            self.by_id[id(optimizer)] = held
        return held

    def known(self, optimizer: Optimizer) -> Held | None:
        """The entry of an optimizer that was seen."""
        held = self.by_id.get(id(optimizer))
        return held if held is not None and held.optimizer() is optimizer else None

    # what happens

    def zeroed(self, held: Held) -> None:
        """Gradients of an optimizer's parameters were cleared by a call."""
        held.zeros += 1
        held.since_zero = 0
        held.before = held.begin_norm = None
        held.zeroed_after = held.backwards > 0

    def zeroed_module(self, parameters: set[int]) -> None:
        """A module's gradients were cleared: that counts for the optimizers that hold them."""
        for held in self.held:
            if any(id(p) in parameters for p in held.sample()[:1]):
                self.zeroed(held)

    def before_backward(self, uncertain: bool) -> None:
        """Remember whose gradients are where, to see afterwards whom this backward reached."""
        self._marks = []
        for held in self.held:
            sample = held.sample()
            self._marks.append((held, [_mark(p) for p in sample]))
            if held.backwards == 0 and held.steps:
                self._look_for_clearing(held, sample, uncertain)

    def _look_for_clearing(self, held: Held, sample: list[Tensor], uncertain: bool) -> None:
        """No zero_grad was called: were gradients cleared by hand, or are the old ones still there?"""
        if held.zeros:
            return
        grads = [p.grad for p in sample if p.grad is not None]
        if not grads:
            held.zeros, held.since_zero = 1, 0
        elif uncertain and not any(g.is_sparse for g in grads):
            held.before = [_thin(g).clone() for g in grads]
            held.begin_norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(held.before)))

    def after_backward(self) -> None:
        """Count the backward for the optimizers whose gradients it changed."""
        for held, marks in self._marks:
            if any(_mark(p) != mark for p, mark in zip(held.sample(), marks, strict=False)):
                held.backwards += 1
                held.zeroed_after = False
            else:
                held.elsewhere += 1
        self._marks = []

    def carried(self, held: Held) -> Tensor | None:
        """(ratio, norm found before the first backward): ‖gradient at the step‖ / ‖what this step's backwards added‖."""
        if held.before is None:
            return None
        now = [_thin(p.grad) for p in held.sample() if p.grad is not None]
        if len(now) != len(held.before) or any(a.shape != b.shape for a, b in zip(now, held.before, strict=True)):
            return None
        added = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(torch._foreach_sub(now, held.before))))
        whole = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(now)))
        assert held.begin_norm is not None
        return torch.stack([whole / added.clamp_min(1e-30), held.begin_norm]).float()

    def readings(self, held: Held) -> dict[Key, float]:
        """What the calls since the previous step came to; call when a step is over, before `stepped`."""
        where = held.where
        held.cleared = held.since_zero == 0
        return {
            ("calls.backward", where): held.backwards,
            ("calls.backward_elsewhere", where): max(0, held.elsewhere),
            ("calls.zero_grad", where): held.zeros,
            ("calls.zeroed_after_backward", where): float(held.zeroed_after),
            ("calls.steps_since_zero", where): held.since_zero,
            ("calls.scheduler", where): held.schedules,
        }

    def stepped(self, held: Held) -> None:
        """A step is over: count anew."""
        held.steps += 1
        held.since_zero += 1
        held.backwards = held.elsewhere = held.zeros = held.schedules = 0
        for other in self.held:
            if other is not held:
                other.elsewhere -= 1
        held.zeroed_after = held.skipped = held.fresh = False
        held.before = held.begin_norm = None


def _mark(parameter: Tensor) -> tuple[int, int]:
    grad = parameter.grad
    return (0, 0) if grad is None else (id(grad), grad._version)


def _thin(grad: Tensor) -> Tensor:
    flat = grad.detach().reshape(-1)
    return flat[:: max(1, len(flat) // CARRY)]
